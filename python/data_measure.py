"""Puts the rows of a file through mlx_lm's own dataset classes: lengths, what is taught, batches."""

import alive
import data_rows
import data_tokens
from data_part import grouped
from data_refusals import refusal
from data_taught import Taught, look
from data_text import Renderer
from data_turns import turns_of

AHEAD = 512  # rows whose tokens are made at once


def as_trained(part, keys, args):
    """The part's rows, for a dataset that tells where answers start, also when the training masks nothing.

    Then prompt/completion rows are given as the two messages that they are: mlx_lm < 0.31 cannot mask them otherwise.
    """
    rows = [row for _, row in part.rows]
    if part.kind != "completion" or args.mask_prompt:
        return rows
    pair = (keys["prompt"], keys["completion"])
    others = ({key: value for key, value in row.items() if key not in pair} for row in rows)
    return [{**other, keys["chat"]: data_rows.messages_of(row, part.kind, keys)} for row, other in zip(rows, others)]


class Encoder:
    """Makes tokens of the rows of a part as the training does."""

    def __init__(self, part, tokenizer, keys, args):
        rows = as_trained(part, keys, args)
        self.masks, self.tokenizer = args.mask_prompt, data_tokens.BatchTokenizer(tokenizer)
        self.data = data_tokens.dataset(rows, self.tokenizer, keys, mask_prompt=part.kind != "text")
        self.unmasked = data_tokens.dataset(rows, self.tokenizer, keys, mask_prompt=False)

    def prepare(self, indexes):
        """Tokenizes several rows at once, for the next calls of `encode`."""
        self.tokenizer.prepare((lambda index=index: self.data.process(self.data[index])) for index in indexes)

    def encode(self, index):
        """((tokens, how many precede the last message), None) or (None, why mlx_lm makes none of the row)."""
        encoded, reason = data_tokens.attempt(lambda: self.data.process(self.data[index]))
        if reason is None or self.masks:
            return encoded, reason
        # The template may refuse the prompt alone, which a training without a mask never renders.
        return data_tokens.attempt(lambda: self.unmasked.process(self.unmasked[index]))


def taught_of(line, messages, tools, encoded, limit, renderer):
    """What is taught of a row. A row that cannot be compared is reported, but does not stop the training."""
    taught, reason = data_tokens.attempt(look, line, messages, tools, encoded, limit, renderer)
    return taught or Taught(line, [], [("unclear", data_rows.shown(reason))], False, [])


def taught_text(line, messages):
    """A `text` row: all of it is taught, without a template."""
    taught = "call" if data_rows.is_call(messages[0]) else "prose"
    return Taught(line, [taught], [], False, turns_of(messages, None, {0: taught}))


def measure(part, tokenizer, keys, args):
    """Fills in lengths, what is taught, and batches."""
    if part.kind == "text" and args.mask_prompt:
        part.wrong.append(f"{part.name}: examples with `{keys['text']}` have no prompt to mask; remove mask_prompt")
        return
    if not part.rows:
        return
    encoder, renderer, problems = Encoder(part, tokenizer, keys, args), Renderer(tokenizer), []
    for index, (line, _) in enumerate(part.rows):
        alive.beat()
        if index % AHEAD == 0 and part.kind != "text":
            encoder.prepare(range(index, min(index + AHEAD, len(part.rows))))
        problem, failure = data_tokens.attempt(measure_row, part, index, encoder, renderer, keys, args)
        if problem or failure:
            problems.append((line, problem or f"the check of the data fails at this example ({failure}); change or remove it"))
    part.wrong += grouped(part.name, problems)
    if not part.wrong:
        part.batches = data_tokens.batches(part.measured, encoder.data, args.batch_size)
        wanted = args.val_batches if part.role == "valid" else args.iters
        part.looks = len(part.batches) if wanted is None or wanted < 0 else min(wanted, len(part.batches))


def measure_row(part, index, encoder, renderer, keys, args):
    """Adds the length of a row and what is taught of it, or why mlx_lm cannot tokenize it."""
    line, row = part.rows[index]
    encoded, reason = encoder.encode(index)
    messages, tools = data_rows.messages_of(row, part.kind, keys), row.get("tools")
    if reason:
        return refusal(messages, tools, reason, args.mask_prompt, renderer)
    tokens, offset = encoded
    if part.kind == "text":
        taught = taught_text(line, messages)
    else:
        masked = (tokens, offset if args.mask_prompt else None)
        taught = taught_of(line, messages, tools, masked, args.max_seq_length, renderer)
    part.measured.append((line, len(tokens), offset))
    part.taught.append(taught)
    return None
