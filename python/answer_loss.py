"""The loss of a model on the answers of a data file: only the tokens of the last answer of each row.

What mlx_lm reports while it trains (val_loss.py repeats that on all rows) also counts the padding token that follows
each row, which a base has never learned to say: on the demo that token alone makes 0.22 of 0.01. Here each row is on
its own and nothing is padded.
"""

import types
from pathlib import Path

import data_measure
import data_part
import data_tokens


def answer_rows(path, keys, tokenizer, limit):
    """[(tokens, first)] of one data file: a row cut at `limit` tokens, and the index of its answer's first token.

    Rows of which no answer is left are not among them. A row with `text` has no prompt: all but its first token count.
    Raises ValueError with what is wrong with the file.
    """
    part = data_part.read(Path(path), "valid", keys)
    if part.wrong:
        raise ValueError("; ".join(part.wrong))
    rows = data_measure.as_trained(part, keys, types.SimpleNamespace(mask_prompt=False))
    data = data_tokens.dataset(rows, tokenizer, keys, mask_prompt=part.kind != "text")
    measured = (data.process(row) for row in rows)
    cut = ((tokens[:limit], max(first, 1)) for tokens, first in measured)
    return [(tokens, first) for tokens, first in cut if first < len(tokens)]


def log_probabilities(model, tokens, first):
    """What the model gives for each of tokens[first:]: log-probabilities of the whole vocabulary, float32, one row each."""
    import mlx.core as mx

    logits = model(mx.array([tokens]))[0, first - 1 : -1].astype(mx.float32)
    return logits - mx.logsumexp(logits, axis=-1, keepdims=True)


def loss_sum(model, rows, tell=lambda tokens: None):
    """(sum of the cross-entropy in nats, number of tokens) over all answer tokens of rows. `tell`: tokens of each row."""
    import mlx.core as mx

    total, count = 0.0, 0
    for tokens, first in rows:
        targets = mx.array(tokens[first:])[:, None]
        total -= mx.take_along_axis(log_probabilities(model, tokens, first), targets, axis=-1).sum().item()
        count += len(tokens) - first
        tell(len(tokens))
    return total, count
