"""One file of the data (train.jsonl, valid.jsonl), read and measured; and what is wrong with it, in sentences."""

import collections
from dataclasses import dataclass, field
from pathlib import Path

import data_rows
import data_tokens


@dataclass
class Part:
    name: str
    kind: str | None = None  # chat, completion, text; None = nothing readable
    rows: list = field(default_factory=list)  # [(line, row)]
    measured: list = field(default_factory=list)  # [(line, tokens, offset)]
    batches: list = field(default_factory=list)  # of measured rows; empty while something is wrong
    looks: int = 0  # how many different batches are looked at: each pass is a new order of all of them
    wrong: list = field(default_factory=list)  # sentences


def where(lines, shown=5):
    """`line 7`, `lines 3, 7`, `lines 1, 2, 3, 4, 5 and 12 more`."""
    more = f" and {len(lines) - shown} more" if len(lines) > shown else ""
    return f"line{'s' if len(lines) > 1 else ''} {', '.join(map(str, lines[:shown]))}{more}"


def grouped(name, problems):
    """One sentence for each kind of problem."""
    lines = collections.defaultdict(list)
    for line, problem in problems:
        lines[problem].append(line)
    return [f"{name}, {where(found)}: {problem}" for problem, found in lines.items()]


def read(folder, name, keys):
    """A part with its readable rows."""
    path = Path(folder, name)
    if not path.is_file():
        return Part(name, wrong=[f"{path} is missing; mlx_lm looks for its rows there, one JSON object a line"])
    kind, rows, problems = data_rows.read_rows(path, keys)
    return Part(name, kind, rows, wrong=grouped(name, problems))


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


def measure(part, tokenizer, keys, args):
    """Fills in lengths and batches."""
    if part.kind == "text" and args.mask_prompt:
        part.wrong.append(f"{part.name}: rows with `{keys['text']}` have no prompt to mask; remove mask_prompt")
    if not part.rows or part.kind == "text" and args.mask_prompt:
        return
    rows = as_trained(part, keys, args)
    data = data_tokens.dataset(rows, tokenizer, keys, mask_prompt=part.kind != "text")
    part.measured, problems = data_tokens.measure([line for line, _ in part.rows], data)
    part.wrong += grouped(part.name, problems)
    if not part.wrong:
        part.batches = data_tokens.batches(part.measured, data, args.batch_size)
        wanted = args.iters if part.name == "train.jsonl" else args.val_batches
        part.looks = len(part.batches) if wanted < 0 else min(wanted, len(part.batches))


def blind_lines(part, args):
    """Lines of the rows in batches without a token to learn from. Only a masked prompt can leave nothing."""
    if not args.mask_prompt:
        return []
    blind = [batch for batch in part.batches if data_tokens.targets(batch, args.max_seq_length) == 0]
    return sorted(line for batch in blind for line, _, _ in batch)


def blindness(part, args):
    return (
        f"{part.name}, {where(blind_lines(part, args))}: mask_prompt and max_seq_length {args.max_seq_length} leave "
        "nothing of the answer, so the loss of the batch is NaN and spoils the adapter; raise max_seq_length, or "
        "shorten or remove the row"
    )


def nothing_whole(part, args):
    """A sentence when no answer of the part is taught to its end; None otherwise. Text rows have no answers."""
    limit, rows = args.max_seq_length, part.measured
    lost, cut = data_tokens.lost(rows, limit), data_tokens.cut(rows, limit)
    if not rows or part.kind == "text" or len(lost) + len(cut) < len(rows):
        return None
    return (
        f"{part.name}: no row keeps its whole answer: nothing is left of {len(lost)}, the end is missing of {len(cut)} "
        f"(max_seq_length {limit}, the longest row has {max(tokens for _, tokens, _ in rows)} tokens); raise "
        "max_seq_length or shorten the rows"
    )


def stops(part, args, min_rows):
    """Why this file cannot be trained on."""
    yield from part.wrong
    rows = len(part.rows)
    if rows < min_rows and (rows or not part.wrong):
        yield f"{part.name} has {rows} rows that can be read; min_rows asks for {min_rows}"
    if 0 < rows < args.batch_size:
        yield f"{part.name} has {rows} rows, fewer than one batch (batch_size {args.batch_size}); mlx_lm refuses that"
    if part.name == "valid.jsonl" and rows and args.val_batches == 0:
        yield "val_batches is 0: mlx_lm then reports a val loss of NaN; use -1 for all rows, or 1 and more"
    incomplete = nothing_whole(part, args)
    if incomplete:
        yield incomplete
    elif part.looks == len(part.batches) and blind_lines(part, args):
        yield blindness(part, args)


def warnings(part, args):
    """What of this file is not taught as it is written."""
    limit, rows = args.max_seq_length, part.measured
    over, cut, lost = (pick(rows, limit) for pick in (data_tokens.over, data_tokens.cut, data_tokens.lost))
    if over:
        line, tokens, _ = max(over, key=lambda row: row[1])
        yield (
            f"{part.name}: {len(over)} of {len(rows)} rows are longer than max_seq_length {limit} and are cut "
            f"(the longest: line {line}, {tokens} tokens)"
        )
    if cut or lost:
        lines = where(sorted(line for line, _, _ in cut + lost))
        yield f"{part.name}, {lines}: the end of {len(cut)} answers is cut off, {len(lost)} are lost as a whole"
    if part.looks < len(part.batches) and blind_lines(part, args):
        share = f"{100 * part.looks / len(part.batches):.0f} %"
        yield f"{blindness(part, args)} ({share} of the batches are looked at, so it may go well)"
