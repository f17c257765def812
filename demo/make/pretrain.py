"""Pre-trains a tiny base on the endless stream of world.py and saves float32 weights (2 to 3 minutes on one core).

usage: python pretrain.py dense|moe TOKENIZER_FOLDER OUT_FOLDER      (needs torch, tokenizers, safetensors)
"""

import json
import math
import random
import shutil
import sys
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from tokenizers import Tokenizer

import world
from model import Model, config

ROWS, BATCH, STEPS, SEED, PEAK = 40_000, 48, 1500, 0, 3e-3


def stream(tokenizer, rng):
    """Batches of token rows of about the same length, in random order, for ever."""
    rows = [world.pretrain_row(rng) for _ in range(ROWS)]
    texts = ["".join(f"<|im_start|>{m['role']}\n{m['content']}<|im_end|>\n" for m in row["messages"]) for row in rows]
    ids = [encoding.ids for encoding in tokenizer.encode_batch(texts)]
    ids = sorted(ids, key=lambda row: len(row) + rng.random() * 6)
    order = []
    while True:
        if not order:
            order = list(range(len(ids) // BATCH))
            rng.shuffle(order)
        start = order.pop() * BATCH
        yield ids[start : start + BATCH]


def padded(batch):
    """(token ids, mask) of a batch, filled up with zeros."""
    width = max(map(len, batch))
    ids, mask = torch.zeros(len(batch), width, dtype=torch.long), torch.zeros(len(batch), width)
    for index, row in enumerate(batch):
        ids[index, : len(row)] = torch.tensor(row)
        mask[index, : len(row)] = 1
    return ids, mask


def train(model, batches):
    optimizer = torch.optim.AdamW(model.parameters(), lr=PEAK, betas=(0.9, 0.98), weight_decay=0.02)
    for step in range(STEPS):
        ids, mask = padded(next(batches))
        for group in optimizer.param_groups:
            group["lr"] = PEAK * min(1, step / 60) * (0.5 + 0.5 * math.cos(math.pi * step / STEPS)) + 1e-5
        each = F.cross_entropy(model(ids[:, :-1]).transpose(1, 2), ids[:, 1:], reduction="none")
        loss = (each * mask[:, 1:]).sum() / mask[:, 1:].sum()
        (loss + 0.02 * model.balance()).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        if step % 100 == 0 or step == STEPS - 1:
            print(step, round(loss.item(), 4), flush=True)


def save(model, shape, tokenizer_folder, out):
    out.mkdir(parents=True, exist_ok=True)
    weights = {name: value.detach().contiguous() for name, value in model.state_dict().items()}
    save_file(weights, str(out / "model.safetensors"), metadata={"format": "mlx"})
    (out / "config.json").write_text(json.dumps(shape, indent=1))
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(tokenizer_folder / name, out / name)


def main(kind, tokenizer_folder, out):
    torch.manual_seed(SEED)
    torch.set_num_threads(1)  # more threads add in another order: other weights
    tokenizer = Tokenizer.from_file(str(tokenizer_folder / "tokenizer.json"))
    batches = stream(tokenizer, random.Random(100 + SEED))
    shape = config(kind, tokenizer.get_vocab_size())
    model = Model(shape)
    train(model, batches)
    save(model, shape, tokenizer_folder, out)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
