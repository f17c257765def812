"""Reads the data as mlx_lm's training will read it, and reports what it teaches before hours are spent on a training.

usage: python check_data.py --model DIR --data DIR|FILE --out FILE [--mask-prompt] [--max-seq-length 2048]
       [--iters N] [--batch-size 1] [--val-batches -1] [--steps-per-eval 200]
       [--min-rows train=1000 valid=100] [--chat-key messages] [--prompt-key prompt]
       [--completion-key completion] [--text-key text] [--trust-remote-code]
       [--show N] [--show-line FILE:LINE ...] [--text-unmasked]

Writes {"profile": {...}, "stops": [{"code": "BAD_DATA", "message"}], "warnings": [sentence]}: `profile` as in
src/events/data-report.ts, its counts those of the readable rows of train.jsonl; `stops` = reasons not to train. Exit code 0
with stops too; another one only when this program itself failed. Rows go through mlx_lm's own dataset classes with the
model's own tokenizer, so that lengths and masks are exactly those of the training. No weights are loaded.

Without --iters the data alone is checked: every row is looked at once. With a FILE, that file alone is checked. With
--show and --show-line there is also "shown": the rows on those lines, and N rows of the training data, those with
findings first, each as {"file", "line", "pieces": [{"text", "taught"}], "findings": [sentence]}; the pieces together are
the text of the row. With --text-unmasked, rows that are text, which have no prompt, are read without --mask-prompt.
"""

import argparse
import json
import sys
from collections import Counter
from pathlib import Path

import data_findings
import data_measure
import data_part
import data_rows
import data_show
import data_tokens

NUMBERS = {"iters": None, "batch-size": 1, "val-batches": -1, "max-seq-length": 2048, "steps-per-eval": 200, "show": 0}


def arguments():
    parser = argparse.ArgumentParser(description="Check and profile training data.")
    for name in ("model", "data", "out"):
        parser.add_argument(f"--{name}", required=True)
    for name, default in NUMBERS.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    data_rows.add_key_arguments(parser)
    parser.add_argument("--mask-prompt", action="store_true")
    parser.add_argument("--text-unmasked", action="store_true")
    parser.add_argument("--min-rows", nargs="*", default=[], metavar="FILE=N")
    parser.add_argument("--show-line", action="append", default=[], metavar="FILE:LINE")
    parser.add_argument("--trust-remote-code", action="store_true")
    return parser.parse_args()


def profile(train, valid, args, talks):
    """The counts of src/events/data-report.ts that need no tokenizer of their own. `talks`: the rows as messages."""
    rows, limit = len(train.rows), args.max_seq_length
    answers = Counter(data_rows.first_answer(talk) for talk in talks)
    systems = {data_rows.text_of(m.get("content")) for talk in talks for m in talk if m["role"] == "system"}
    iters = len(train.batches) if args.iters is None else args.iters
    return {
        "rows": {"train": rows, "valid": len(valid.rows)},
        "epochs": iters * args.batch_size / rows if rows else 0,
        "rows_never_seen": rows - train.looks * args.batch_size,
        "val_share": valid.looks * args.batch_size / len(valid.rows) if valid.rows else 0,
        "tokens": {part.role: sum(tokens for _, tokens, _ in part.measured) for part in (train, valid)},
        "longest_row_tokens": max((tokens for _, tokens, _ in train.measured), default=0),
        "rows_over_max_seq_length": len(data_tokens.over(train.measured, limit)),
        "rows_answer_cut": len(data_tokens.cut(train.measured, limit)),
        "rows_answer_lost": len(data_tokens.lost(train.measured, limit)),
        "first_answers": {kind: answers[kind] / rows if rows else 0 for kind in ("call", "prose")},
        "taught": data_findings.counts(train.taught, args.mask_prompt),
        "system_prompts": len(systems),
        "roles": dict(Counter(m["role"] for talk in talks for m in talk)) if train.kind == "chat" else {},
    }


def notes(train, valid, args, facts):
    """Sentences that a person should know about the training before reading its score."""
    rows = facts["rows"]
    if facts["split_marks"]:
        marks = ", ".join(facts["split_marks"])
        yield f"{marks}: not one token for this model's tokenizer; it has to spell them, and may get them wrong"
    if train.batches and facts["rows_never_seen"]:
        yield (
            f"{facts['rows_never_seen']} of {rows['train']} training examples are never used: {args.iters} "
            f"iterations with batch_size {args.batch_size} are {facts['epochs']:.2f} epochs"
        )
    if valid.batches and facts["val_share"] < 1:
        yield (
            f"Each validation loss is measured on only {valid.looks * args.batch_size} of the {rows['valid']} validation "
            "examples, and each time on different ones, so it is noisy. Set `val_batches: -1` to use all of them."
        )
    yield from data_findings.notes(facts["taught"])


def read_parts(args, keys):
    """The parts: train, valid, and what else mlx_lm reads."""
    data = Path(args.data)
    if data.is_file():
        return data_part.read(data, "train", keys), data_part.Part("valid.jsonl", "valid"), []
    train, valid = (data_part.read(data / f"{role}.jsonl", role, keys) for role in ("train", "valid"))
    # mlx_lm reads test.jsonl even without a test, and fails if it cannot.
    test = data / "test.jsonl"
    return train, valid, [data_part.read(test, "test", keys)] if test.exists() else []


def unmask_text(train, args, keys):
    """Turns --mask-prompt off for text if --text-unmasked is given, and reports it."""
    if args.text_unmasked and args.mask_prompt and train.kind == "text":
        args.mask_prompt = False
        yield (
            f"{train.name}: examples with `{keys['text']}` have no prompt to mask, so they are shown as a training without "
            "mask_prompt reads them; one with mask_prompt: true is stopped"
        )


def check(args):
    keys = data_rows.keys_of(args)
    min_rows = {name: int(count) for name, _, count in (pair.partition("=") for pair in args.min_rows)}
    train, valid, others = read_parts(args, keys)
    unmasked = list(unmask_text(train, args, keys))
    tokenizer = data_tokens.load_tokenizer(args.model, args.trust_remote_code)
    for part in (train, valid):
        data_measure.measure(part, tokenizer, keys, args)
    talks = [data_rows.messages_of(row, train.kind, keys) for _, row in train.rows]
    texts = [data_rows.text_of(message.get("content")) for talk in talks for message in talk]
    facts = {**profile(train, valid, args, talks), "split_marks": data_tokens.split_marks(texts, tokenizer)}
    stops = [
        *data_part.stops(train, args, min_rows.get("train", 0)),
        *data_part.stops(valid, args, min_rows.get("valid", 0)),
        *(sentence for part in others for sentence in part.wrong),
    ]
    found = [*data_part.warnings(train, args), *data_part.warnings(valid, args), *notes(train, valid, args, facts)]
    coded = [{"code": "BAD_DATA", "message": stop} for stop in stops]
    blind = [sentence for part in (train, valid) for sentence in data_part.blind(part, args)]
    report = {"profile": facts, "stops": coded, "warnings": [*unmasked, *found], "blind": blind}
    if args.show or args.show_line:
        report["shown"] = [row for part in (train, valid) for row in data_show.rows(part, tokenizer, keys, args)]
    return report


def main():
    args = arguments()
    if not Path(args.model).is_dir():
        print(f"--model {args.model}: no such folder", file=sys.stderr)
        return 2
    # A row may contain half of a surrogate pair, which is not UTF-8. It is written as a JSON escape again.
    sys.stdout.reconfigure(errors="backslashreplace")
    result = check(args)
    text = json.dumps(result, indent=1, ensure_ascii=False) + "\n"
    Path(args.out).write_text(text, encoding="utf-8", errors="backslashreplace")
    for stop in result["stops"]:
        print(f"Stop: {stop['message']}")
    for warning in result["warnings"]:
        print(f"Warning: {warning}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
