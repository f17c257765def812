"""How far two models agree on given answers: next-token probabilities at every token of an answer.

The models are not in memory together. Of the first one the LIKELIEST tokens of each place are kept, and the rest of the
vocabulary as one sum, so KL is exact for vocabularies up to LIKELIEST and else a little too low: by the share outside
(`outside`) times how the two models differ in there.
"""

import json
from pathlib import Path

import numpy as np

from answer_loss import log_probabilities

LIKELIEST = 1024
LEAST = 1e-6  # a float32 sum to 1 is not more exact than this


def answer_text(answer, tokenizer, prompt):
    """The text as the model wrote it: the server takes thoughts out of it, with their marks."""
    text, thoughts = answer.get("content") or "", answer.get("reasoning") or ""
    if not thoughts:
        return text
    start, end = tokenizer.think_start or "", tokenizer.think_end or ""
    opened = start and tokenizer.decode(prompt).rstrip().endswith(start)
    closed = end if text or answer.get("finish_reason") == "stop" else ""
    return f"{'' if opened else start}{thoughts}{closed}{text}"


def read_answers(path, tokenizer):
    """[(tokens, first)] of a file of answers, one JSON line each: {messages, tools?, template?, content, reasoning?,
    finish_reason}. `first`: index of the answer's first token. The token that ended the answer belongs to it."""
    from mlx_lm.server import process_message_content

    read = []
    for line in Path(path).read_text(encoding="utf-8").splitlines():
        answer = json.loads(line)
        messages, template = answer["messages"], answer.get("template") or {}
        process_message_content(messages)
        tools = {"tools": answer["tools"]} if answer.get("tools") else {}
        prompt = tokenizer.apply_chat_template(
            messages, add_generation_prompt=True, **{"return_dict": False, **tools, **template}
        )
        tokens = tokenizer.encode(answer_text(answer, tokenizer, prompt), add_special_tokens=False)
        if answer.get("finish_reason") == "stop":
            tokens = [*tokens, tokenizer.eos_token_id]
        if tokens:
            read.append(([*prompt, *tokens], len(prompt)))
    return read


def likeliest(model, answers, tell=lambda tokens: None):
    """For each answer: (token ids, their log-probabilities), most likely first, one row per token of the answer."""
    import mlx.core as mx

    kept = []
    for tokens, first in answers:
        found = log_probabilities(model, tokens, first)
        count = min(LIKELIEST, found.shape[-1])
        ids = mx.argsort(-found, axis=-1)[:, :count]
        kept.append((np.array(ids), np.array(mx.take_along_axis(found, ids, axis=-1))))
        tell(len(tokens))
    return kept


def divergence(first, second, whole):
    """KL(first || second) of each row, of log-probabilities of the same tokens; `whole`: they are all there are."""
    share = np.exp(first)
    inside = (share * (first - second)).sum(axis=-1)
    if whole:
        return inside, np.zeros(len(inside))
    outside = np.maximum(1 - share.sum(axis=-1), 0)
    other = np.maximum(1 - np.exp(second).sum(axis=-1), LEAST)
    rest = np.where(outside > LEAST, outside * np.log(np.maximum(outside, LEAST) / other), 0)
    return inside + rest, outside


def agreement(model, answers, kept, tell=lambda tokens: None):
    """{top1, kl, tokens, outside}: shares 0..1 and nats, means over all tokens of the answers. None without tokens."""
    import mlx.core as mx

    same, apart, outside = [], [], []
    for (tokens, first), (ids, before) in zip(answers, kept):
        found = log_probabilities(model, tokens, first)
        now = np.array(mx.take_along_axis(found, mx.array(ids), axis=-1)).astype(np.float64)
        kl, share = divergence(before.astype(np.float64), now, ids.shape[-1] == found.shape[-1])
        same.append(np.array(mx.argmax(found, axis=-1)) == ids[:, 0])
        apart.append(kl)
        outside.append(share)
        tell(len(tokens))
    if not same:
        return {"top1": None, "kl": None, "tokens": 0, "outside": None}
    joined = [np.concatenate(values) for values in (same, apart, outside)]
    top1, kl, share = (float(values.mean()) for values in joined)
    return {"top1": top1, "kl": max(kl, 0.0), "tokens": len(joined[0]), "outside": share}
