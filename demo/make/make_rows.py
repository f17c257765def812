"""Writes train.jsonl and valid.jsonl alone: the same bytes each time. Needs nothing but Python.

usage: python make_rows.py FOLDER [--train 300] [--valid 40] [--domain-share 0.2]

With its defaults: the rows of demo/data. --domain-share: the share of rows that ask for a domain tool.
"""

import argparse
import json
import random
from pathlib import Path

import world


def write(folder, rows, domain_share):
    """`rows`: {"train": n, "valid": n}, in this order: both are drawn from one stream."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = random.Random(7)
    for name, count in rows.items():
        made = [world.tune_row(rng, domain_share) for _ in range(count)]
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in made))


def main():
    parser = argparse.ArgumentParser(description="Rows to tune the demo's models on.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--train", type=int, default=300)
    parser.add_argument("--valid", type=int, default=40)
    parser.add_argument("--domain-share", type=float, default=world.DOMAIN_SHARE)
    args = parser.parse_args()
    write(args.folder, {"train": args.train, "valid": args.valid}, args.domain_share)


if __name__ == "__main__":
    main()
