"""Qwen3 and Qwen3-MoE in plain PyTorch, with MLX's parameter names (experts stacked), so that nothing is converted."""

import math

import torch
import torch.nn.functional as F
from torch import nn

THETA = 1e4


def config(kind, vocabulary, hidden=64, layers=2):
    """config.json of a base: `kind` is dense or moe."""
    shape = {
        "hidden_size": hidden,
        "num_hidden_layers": layers,
        "intermediate_size": 2 * hidden,
        "num_attention_heads": hidden // 32,
        "num_key_value_heads": max(1, hidden // 64),
        "head_dim": 32,
        "rms_norm_eps": 1e-6,
        "vocab_size": vocabulary,
        "rope_theta": THETA,
        "max_position_embeddings": 512,
        "tie_word_embeddings": False,
        "torch_dtype": "float32",
        "eos_token_id": 2,
    }
    if kind == "dense":
        return {**shape, "model_type": "qwen3", "architectures": ["Qwen3ForCausalLM"]}
    return {
        **shape,
        "model_type": "qwen3_moe",
        "architectures": ["Qwen3MoeForCausalLM"],
        "num_experts": 4,
        "num_experts_per_tok": 2,
        "decoder_sparse_step": 1,
        "mlp_only_layers": [],
        "moe_intermediate_size": hidden,
        "norm_topk_prob": True,
    }


class Norm(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))

    def forward(self, x):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6) * self.weight


class Attention(nn.Module):
    def __init__(self, c):
        super().__init__()
        size, self.heads, self.groups, self.width = (
            *(c["hidden_size"], c["num_attention_heads"]),
            *(c["num_key_value_heads"], c["head_dim"]),
        )
        self.q_proj = nn.Linear(size, self.heads * self.width, False)
        self.k_proj = nn.Linear(size, self.groups * self.width, False)
        self.v_proj = nn.Linear(size, self.groups * self.width, False)
        self.o_proj = nn.Linear(self.heads * self.width, size, False)
        self.q_norm, self.k_norm = Norm(self.width), Norm(self.width)

    def forward(self, x, cos, sin):
        rows, length, _ = x.shape
        half = self.width // 2

        def rotate(t):
            return t * cos + torch.cat([-t[..., half:], t[..., :half]], -1) * sin

        q = rotate(self.q_norm(self.q_proj(x).view(rows, length, self.heads, self.width)).transpose(1, 2))
        k = rotate(self.k_norm(self.k_proj(x).view(rows, length, self.groups, self.width)).transpose(1, 2))
        v = self.v_proj(x).view(rows, length, self.groups, self.width).transpose(1, 2)
        k, v = (t.repeat_interleave(self.heads // self.groups, 1) for t in (k, v))
        out = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.o_proj(out.transpose(1, 2).reshape(rows, length, -1))


class Dense(nn.Module):
    def __init__(self, c):
        super().__init__()
        size, inner = c["hidden_size"], c["intermediate_size"]
        self.gate_proj = nn.Linear(size, inner, False)
        self.up_proj = nn.Linear(size, inner, False)
        self.down_proj = nn.Linear(inner, size, False)

    def forward(self, x):
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class Stack(nn.Module):
    """The same linear layer of all experts: experts x out x in, as MLX's SwitchLinear."""

    def __init__(self, experts, out, size):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(experts, out, size).uniform_(-1, 1) / math.sqrt(size))


class Moe(nn.Module):
    def __init__(self, c):
        super().__init__()
        size, inner = c["hidden_size"], c["moe_intermediate_size"]
        self.top, self.experts = c["num_experts_per_tok"], c["num_experts"]
        self.gate = nn.Linear(size, self.experts, False)
        self.switch_mlp = nn.ModuleDict(
            {
                "gate_proj": Stack(self.experts, inner, size),
                "up_proj": Stack(self.experts, inner, size),
                "down_proj": Stack(self.experts, size, inner),
            }
        )
        self.balance = 0.0

    def forward(self, x):
        """Every expert runs (they are tiny); the router's mask picks."""
        share = self.gate(x).softmax(-1)
        keep = torch.zeros_like(share).scatter(-1, share.topk(self.top, -1).indices, 1.0)
        weight = share * keep
        weight = weight / weight.sum(-1, keepdim=True)
        self.balance = self.experts * (keep.mean((0, 1)) / self.top * share.mean((0, 1))).sum()
        gate = torch.einsum("bld,nid->blni", x, self.switch_mlp["gate_proj"].weight)
        up = torch.einsum("bld,nid->blni", x, self.switch_mlp["up_proj"].weight)
        return torch.einsum("blni,ndi,bln->bld", F.silu(gate) * up, self.switch_mlp["down_proj"].weight, weight)


class Block(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.self_attn = Attention(c)
        self.mlp = (Moe if c["model_type"] == "qwen3_moe" else Dense)(c)
        self.input_layernorm, self.post_attention_layernorm = Norm(c["hidden_size"]), Norm(c["hidden_size"])

    def forward(self, x, cos, sin):
        x = x + self.self_attn(self.input_layernorm(x), cos, sin)
        return x + self.mlp(self.post_attention_layernorm(x))


class Model(nn.Module):
    def __init__(self, c):
        super().__init__()
        size, vocabulary = c["hidden_size"], c["vocab_size"]
        self.width = c["head_dim"]
        self.model = nn.ModuleDict(
            {
                "embed_tokens": nn.Embedding(vocabulary, size),
                "norm": Norm(size),
                "layers": nn.ModuleList([Block(c) for _ in range(c["num_hidden_layers"])]),
            }
        )
        self.lm_head = nn.Linear(size, vocabulary, False)
        nn.init.normal_(self.model["embed_tokens"].weight, std=0.5)

    def forward(self, ids):
        frequencies = THETA ** (-torch.arange(0, self.width, 2) / self.width)
        angles = torch.outer(torch.arange(ids.shape[1]).float(), frequencies)
        angles = torch.cat([angles, angles], -1)
        x = self.model["embed_tokens"](ids)
        for block in self.model["layers"]:
            x = block(x, angles.cos(), angles.sin())
        return self.lm_head(self.model["norm"](x))

    def balance(self):
        """How unevenly the experts are used; 0 for a dense model."""
        return sum(block.mlp.balance for block in self.model["layers"] if isinstance(block.mlp, Moe))
