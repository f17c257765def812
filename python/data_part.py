"""One file of the data (train.jsonl, valid.jsonl), read and measured; and what is wrong with it, in sentences."""

import collections
from dataclasses import dataclass, field

import data_chance
import data_findings
import data_rows
import data_tokens
from data_findings import where


@dataclass
class Part:
    name: str
    role: str = "train"  # or valid, test: what mlx_lm uses it for
    kind: str | None = None  # chat, completion, text; None = nothing readable
    rows: list = field(default_factory=list)  # [(line, row)]
    measured: list = field(default_factory=list)  # [(line, tokens, offset)]
    taught: list = field(default_factory=list)  # [data_taught.Taught] of the measured rows
    batches: list = field(default_factory=list)  # of measured rows; empty while something is wrong
    looks: int = 0  # how many different batches are used: each pass is a new order of all of them
    wrong: list = field(default_factory=list)  # sentences


def grouped(name, problems):
    """One sentence for each kind of problem."""
    lines = collections.defaultdict(list)
    for line, problem in problems:
        lines[problem].append(line)
    return [f"{name}, {where(found)}: {problem}" for problem, found in lines.items()]


def read(path, role, keys):
    """A part with its readable rows."""
    if not path.is_file():
        missing = f"{path} is missing; mlx_lm looks for examples there, one JSON object per line"
        return Part(path.name, role, wrong=[missing])
    kind, rows, problems = data_rows.read_rows(path, keys)
    return Part(path.name, role, kind, rows, wrong=grouped(path.name, problems))


def blind_lines(part, args):
    """Lines of the rows in batches without a token to learn from. This is only possible with a masked prompt."""
    return sorted(line for batch in blind_batches(part, args) for line, _, _ in batch)


def blind_batches(part, args):
    limit = args.max_seq_length
    return [batch for batch in part.batches if data_tokens.targets(batch, limit) == 0] if args.mask_prompt else []


def blindness(part, args):
    """(chance to meet a batch of which nothing is taught, sentence on it)."""
    times = data_chance.evaluations(args.iters, args.steps_per_eval) if part.role == "valid" and args.iters else 1
    chance = data_chance.meets(len(part.batches), len(blind_batches(part, args)), part.looks, times)
    return chance, (
        f"{part.name}, {where(blind_lines(part, args))}: in these batches no token of an answer is left (mask_prompt, "
        f"max_seq_length {args.max_seq_length}). The loss of such a batch is NaN and makes the adapter useless. Training "
        f"meets one with a probability of {percent(chance)}. Raise max_seq_length, or shorten or remove these examples"
    )


def blind(part, args):
    """The sentence on batches whose loss is NaN, if the training will probably not meet one. Above that it is a stop."""
    chance, sentence = blindness(part, args)
    if 0 < chance <= 0.5:
        yield sentence


def percent(chance):
    """A chance in percent; `100 %` only for what is certain to the last digit."""
    return "100 %" if chance == 1 else f"{min(100 * chance, 99.99):.{2 if chance > 0.99 else 0}f} %"


def not_whole(cut, lost):
    """`2 answers are cut off at the end, 1 is cut off entirely`; what is 0 is left out."""
    cut_off = f"{cut} answer{' is' if cut == 1 else 's are'} cut off at the end"
    whole = f"{lost} answer{' is' if lost == 1 else 's are'} cut off entirely"
    return ", ".join(text for count, text in ((cut, cut_off), (lost, whole)) if count)


def nothing_whole(part, args):
    """A sentence when no answer of the part is taught to its end; None otherwise. Text rows have no answers."""
    limit, rows = args.max_seq_length, part.measured
    lost, cut = data_tokens.lost(rows, limit), data_tokens.cut(rows, limit)
    if not rows or part.kind == "text" or len(lost) + len(cut) < len(rows):
        return None
    return (
        f"{part.name}: no answer is complete: {not_whole(len(cut), len(lost))} "
        f"(max_seq_length {limit}, the longest example has {max(tokens for _, tokens, _ in rows)} tokens); raise "
        "max_seq_length or shorten the examples"
    )


def stops(part, args, min_rows):
    """Why this file cannot be trained on."""
    yield from part.wrong
    rows = len(part.rows)
    if rows < min_rows and (rows or not part.wrong):
        yield f"{part.name} has {rows} examples that can be read; min_rows requires {min_rows}"
    if 0 < rows < args.batch_size:
        yield f"{part.name} has {rows} examples, fewer than one batch (batch_size {args.batch_size}); mlx_lm refuses that"
    if part.role == "valid" and rows and args.val_batches == 0:
        yield "val_batches is 0: mlx_lm then reports a val loss of NaN; use -1 for all examples, or at least 1"
    incomplete = nothing_whole(part, args)
    if incomplete:
        yield incomplete
    elif blindness(part, args)[0] > 0.5:
        yield blindness(part, args)[1]
    yield from data_findings.stops(part)


def warnings(part, args):
    """What of this file is not taught as it is written."""
    limit, rows = args.max_seq_length, part.measured
    over, cut, lost = (pick(rows, limit) for pick in (data_tokens.over, data_tokens.cut, data_tokens.lost))
    if over:
        line, tokens, _ = max(over, key=lambda row: row[1])
        yield (
            f"{part.name}: {len(over)} of {len(rows)} examples are longer than max_seq_length {limit} and are cut "
            f"(the longest: line {line}, {tokens} tokens)"
        )
    if cut or lost:
        lines = where(sorted(line for line, _, _ in cut + lost))
        yield f"{part.name}, {lines}: {not_whole(len(cut), len(lost))}"
    yield from blind(part, args)
    yield from data_findings.warnings(part)
