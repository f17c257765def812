"""The rows of a training as mlx_lm tokenizes them, and which of its batches a rehearsal trains on."""

from pathlib import Path

import alive
import data_part
import data_refusals
import data_rows
import data_text
import data_tokens
from rehearse_causes import ROWS, Found

KEEP = "Raise max_seq_length, or shorten or remove these rows."
FEW = "Use a smaller batch_size, or more rows."


def keys_of(args):
    """The keys of a row, as the settings of the training name them."""
    return {kind: getattr(args, f"{kind}_feature", None) or key for kind, key in data_rows.KEYS.items()}


def read_parts(args):
    """{role: data_part.Part} of the files that mlx_lm will read; empty for a data set of the Hub.

    Raises Found for rows that no training can use.
    """
    folder = Path(args.data)
    if getattr(args, "hf_dataset", None) or not folder.exists():
        return {}
    if not folder.is_dir():
        text = f"{folder} is a file; mlx_lm reads train.jsonl and valid.jsonl in a folder"
        raise Found("no_train_rows", "BAD_DATA", text, "Set `data` to the folder that has train.jsonl in it.")
    files = {role: folder / f"{role}.jsonl" for role in ("train", "valid", "test")}
    if not files["train"].is_file():
        text = f"{files['train']} is missing; mlx_lm looks for its rows there"
        raise Found("no_train_rows", "BAD_DATA", text, "Correct `data`, or write the rows into train.jsonl.")
    parts = {role: data_part.read(file, role, keys_of(args)) for role, file in files.items() if file.is_file()}
    wrong = [sentence for part in parts.values() for sentence in part.wrong]
    if wrong:
        raise Found("bad_rows", "BAD_DATA", "\n".join(wrong), ROWS)
    return parts


def tokenize(dataset, part, args, tokenizer):
    """Makes the tokens of all rows with mlx_lm's own dataset, which keeps them: fills in `part.measured`."""
    for index in range(len(dataset)):
        alive.beat()
        line = part.rows[index][0] if part.rows else index + 1
        encoded, reason = data_tokens.attempt(dataset.__getitem__, index)
        if reason is not None:
            raise refusal(part, index, line, reason, args, tokenizer)
        tokens, offset = encoded
        part.measured.append((line, len(tokens), offset))


def refusal(part, index, line, reason, args, tokenizer):
    """Why mlx_lm makes no tokens of a row."""
    if "chat_template is not set" in reason or not tokenizer.has_chat_template and part.kind != "text":
        remedy = "Use the instruct version of the model, or put its chat_template.jinja into the model's folder."
        return Found("no_chat_template", "BAD_MODEL", reason, remedy)
    sentence = reason
    if part.rows:
        row = part.rows[index][1]
        messages, renderer = data_rows.messages_of(row, part.kind, keys_of(args)), data_text.Renderer(tokenizer)
        sentence, failed = data_tokens.attempt(
            data_refusals.refusal, messages, row.get("tools"), reason, args.mask_prompt, renderer
        )
        sentence = reason if failed else sentence
    message = f"{part.name}, line {line}: {sentence}"
    if data_refusals.SYSTEM_REFUSED in sentence:
        remedy = "Put the system message in front of the first message of the user, or use another model."
        return Found("template_rejects_system", "BAD_DATA", message, remedy)
    return Found("template_rejects_row", "BAD_DATA", message, ROWS)


def form_batches(part, dataset, args):
    """Fills in the batches as mlx_lm forms them. Raises Found if there are none, or if they teach nothing."""
    wanted = args.val_batches if part.role == "valid" else args.iters
    part.batches = data_tokens.batches(part.measured, dataset, args.batch_size)
    if not part.batches:
        text = f"{part.name} has {len(part.measured)} rows, fewer than one batch (batch_size {args.batch_size})"
        raise Found("too_few_rows", "BAD_DATA", text, FEW)
    part.looks = len(part.batches) if wanted < 0 else min(wanted, len(part.batches))
    if part.role == "valid" and wanted == 0:
        text = "val_batches is 0: mlx_lm then reports a validation loss of NaN"
        raise Found("val_batches", "BAD_SETTINGS", text, "Set val_batches to -1 for all rows, or to 1 or more.")
    lost = data_part.nothing_whole(part, args) if args.mask_prompt else None
    chance, sentence = data_part.blindness(part, args)
    if lost or chance > 0.5:
        raise Found("no_answer_left", "BAD_DATA", lost or sentence, KEEP)
    return [sentence] if chance > 0 else []


def width_of(batch, args):
    """How many tokens mlx_lm pads the rows of a batch to (trainer.iterate_batches)."""
    longest = max(tokens for _, tokens, _ in batch)
    return min(1 + data_tokens.PAD_TO * -(-longest // data_tokens.PAD_TO), args.max_seq_length)


def by_width(part, args):
    """The batches, narrow ones first; of those that are padded alike, the ones with few tokens first."""
    limit = args.max_seq_length
    return sorted(part.batches, key=lambda batch: (width_of(batch, args), sum(min(row[1], limit) for row in batch)))


def spread(items):
    """The items in an order of which every beginning is spread evenly over all: the middle, the quarters, ...

    This is the van der Corput sequence in base 2. The items come again when all were given.
    """
    number = 0
    while True:
        number += 1
        place, share, rest = 0.0, 0.5, number
        while rest:
            place, share, rest = place + share * (rest % 2), share / 2, rest // 2
        yield items[int(place * len(items))]


def described(batch, args):
    """The batch for the report: its rows by their line in the file, and its tokens as they are trained."""
    lengths = [min(tokens, args.max_seq_length) for _, tokens, _ in batch]
    lines = [line for line, _, _ in batch]
    return {"rows": len(batch), "tokens": max(lengths), "padded": width_of(batch, args), "lines": lines}
