"""Rows as token counts, through mlx_lm's own dataset classes, and the batches that its training makes of them.

A measured row is (line, tokens, offset): its length, and how many tokens precede its last message.
"""

import math
import os
import types
from pathlib import Path

os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")

# Marks of calls and thoughts: a model learns and writes them reliably only when each is one token.
MARKS = (
    *("<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>", "<think>", "</think>"),
    *("<|im_start|>", "<|im_end|>", "<|tool_call|>", "[TOOL_CALLS]"),
)
PAD_TO = 32  # mlx_lm pads a batch to one more than a multiple of this


def load_tokenizer(model, trust_remote_code):
    """The tokenizer as `mlx_lm lora` loads it. mlx_lm is imported here, since nothing else in this program needs it."""
    from mlx_lm import utils

    return utils.load_tokenizer(Path(model), {"trust_remote_code": trust_remote_code})


class BatchTokenizer:
    """The tokenizer for a dataset of mlx_lm, which asks for the tokens of one conversation after the other.

    `prepare` tokenizes many conversations at once, in half the time. It recognises them in the later calls. Conversations
    that were not prepared are tokenized on demand.
    """

    def __init__(self, tokenizer):
        self.tokenizer, self.texts, self.tokens = tokenizer, None, {}

    def __getattr__(self, name):
        return getattr(self.tokenizer, name)

    def prepare(self, calls):
        self.texts = {}  # in order, each once
        for call in calls:
            attempt(call)
        texts, self.texts = list(self.texts), None
        made, _ = attempt(self.tokenizer._tokenizer, texts, add_special_tokens=False, return_attention_mask=False)
        self.tokens = {} if made is None else dict(zip(texts, made["input_ids"]))

    def apply_chat_template(self, *args, tokenize=True, **options):
        text = self.tokenizer.apply_chat_template(*args, tokenize=False, **options)
        if not tokenize:
            return text
        if self.texts is not None:
            self.texts[text] = None
            return []
        tokens = self.tokens.get(text)
        return self.tokenizer.apply_chat_template(*args, **options) if tokens is None else list(tokens)


def dataset(rows, tokenizer, keys, mask_prompt):
    """mlx_lm's dataset of these rows (dicts of one kind)."""
    from mlx_lm.tuner.datasets import create_dataset

    features = {f"{kind}_feature": key for kind, key in keys.items()}
    return create_dataset(rows, tokenizer, types.SimpleNamespace(mask_prompt=mask_prompt, **features))


def attempt(function, *arguments, **options):
    """(result, None) or (None, the error as text): any exception is a problem of this row."""
    try:
        return function(*arguments, **options), None
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # noqa: BLE001 - a panic of the tokenizer is not an Exception
        return None, f"{type(error).__name__}: {error}"


def batches(measured, data, size):
    """The batches of measured rows as trainer.iterate_batches forms them; it drops an incomplete last one."""
    from mlx_lm.tuner.datasets import CacheDataset

    cached = CacheDataset(data)
    order = sorted(range(len(cached)), key=cached.itemlen)
    starts = range(0, len(order) - size + 1, size)
    return [[measured[index] for index in order[start : start + size]] for start in starts]


def targets(batch, limit):
    """How many tokens the loss of a batch is taken over (trainer.default_loss); 0 makes it NaN."""
    longest = max(tokens for _, tokens, _ in batch)
    width = min(1 + PAD_TO * math.ceil(longest / PAD_TO), limit)
    return sum(max(0, min(tokens, limit, width - 1) - max(offset, 1) + 1) for _, tokens, offset in batch)


def over(measured, limit):
    """Rows that are longer than max_seq_length."""
    return [row for row in measured if row[1] > limit]


def cut(measured, limit):
    """Rows of whose answer the end is missing."""
    return [row for row in measured if row[2] < limit < row[1]]


def lost(measured, limit):
    """Rows of whose answer nothing is left."""
    return [row for row in measured if row[2] >= min(row[1], limit)]


def split_marks(texts, tokenizer):
    """Marks that occur in the texts and are more than one token."""
    used = [mark for mark in MARKS if any(mark in text for text in texts)]
    return [mark for mark in used if len(tokenizer.encode(mark, add_special_tokens=False)) != 1]
