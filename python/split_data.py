"""Writes data with one row per assistant turn, so that mask_prompt, which teaches the last message alone, teaches all.

usage: python split_data.py --data FILE|DIR --out DIR [--chat-key messages] [--prompt-key prompt]
       [--completion-key completion] [--text-key text]

A row becomes one row for each of its assistant turns: the conversation up to and including it, with all other keys of
the row. Rows that are not chat and lines that cannot be read are copied unchanged. For a folder it writes train.jsonl,
valid.jsonl and test.jsonl, and for a file one of the same name. Prints {"files": [...]} (`Split` below) as one JSON line.
"""

import argparse
import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import data_rows
from data_findings import where

NAMES = ("train.jsonl", "valid.jsonl", "test.jsonl")

# What of a source row is missing in the split rows.
LEFT_OUT = {
    "row": "left out, since no turn is the assistant's",
    "opening": "no example ends with the answer that begins the conversation: there is no prompt before it",
    "tail": "the turns after the last answer are left out",
}


@dataclass
class Split:
    """The result for one file."""

    name: str
    copied: bool  # its rows are not chat
    rows: dict  # before and after
    left_out: list  # sentences


def is_talk(row, key):
    messages = row.get(key)
    return isinstance(messages, list) and all(isinstance(message, dict) for message in messages)


def rows_of(row, key):
    """The rows that replace a chat row, and the kinds of `LEFT_OUT` that are missing in them."""
    messages = row[key]
    answers = [index for index, message in enumerate(messages) if message.get("role") == "assistant"]
    if not answers:
        return [], ["row"]
    # Chat templates refuse a row that has only the opening answer, since the masked conversation would be empty.
    opens, ends = answers[0] == 0, answers[-1] == len(messages) - 1
    left_out = [*(["opening"] if opens else []), *([] if ends else ["tail"])]
    return [{**row, key: messages[: index + 1]} for index in answers if index > 0], left_out


def json_line(row):
    """The row on one line. It is ASCII if UTF-8 cannot encode it, as with half a surrogate pair."""
    try:
        return json.dumps(row, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        return json.dumps(row).encode("ascii")


def split_line(line, key):
    """The lines, as bytes, that replace one, and the kinds of `LEFT_OUT` that are missing in them."""
    raw = line if isinstance(line, bytes) else line.encode("utf-8")
    row, problem = data_rows.parse(line)
    if problem or not is_talk(row, key):
        return [raw], []
    rows, left_out = rows_of(row, key)
    try:
        return [raw] if rows == [row] else list(map(json_line, rows)), left_out
    except RecursionError:  # the parser accepts a depth that the printer may not
        return [raw], []


def split_file(source, target, keys):
    """Writes `target` and returns the result. Only a file of chat rows is changed."""
    lines = list(data_rows.lines_of(source)) if source.stat().st_size else []
    kind, _, _ = data_rows.read_rows(source, keys)
    if kind != "chat":
        target.write_bytes(source.read_bytes())
        return Split(source.name, copied=True, rows={"before": len(lines), "after": len(lines)}, left_out=[])
    split = [split_line(line, keys["chat"]) for line in lines]
    written = [line for rows, _ in split for line in rows]
    target.write_bytes(b"".join(line + b"\n" for line in written))
    found = {what: [number for number, (_, left) in enumerate(split, 1) if what in left] for what in LEFT_OUT}
    left_out = [f"{source.name}, {where(found[what])}: {text}" for what, text in LEFT_OUT.items() if found[what]]
    return Split(source.name, copied=False, rows={"before": len(lines), "after": len(written)}, left_out=left_out)


def main():
    parser = argparse.ArgumentParser(description="Write data with one row per assistant turn.")
    parser.add_argument("--data", required=True, type=Path)
    parser.add_argument("--out", required=True, type=Path)
    data_rows.add_key_arguments(parser)
    args = parser.parse_args()
    keys = data_rows.keys_of(args)
    names = [args.data / name for name in NAMES] if args.data.is_dir() else [args.data]
    files = [split_file(source, args.out / source.name, keys) for source in names if source.is_file()]
    print(json.dumps({"files": [asdict(file) for file in files]}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
