"""One stage of the peers' night: notes its start, works a second, writes half its output, a second later the rest, notes its end.

usage: python stage.py NIGHT EXPERIMENT STAGE OUTPUT [INPUT]

It trusts what it reads, as most tools do, and notes in NIGHT/timeline.jsonl what that was.
"""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from timeline import Timeline  # noqa: E402


def state(path):
    """whole, half, damaged or missing: what a stage left, or what is left of it."""
    if not path.exists():
        return "missing"
    lines = path.read_text().splitlines()
    if lines[:1] == ["first half"]:
        return {1: "half", 2: "whole"}.get(len(lines), "damaged") if lines[1:] in ([], ["second half"]) else "damaged"
    return "damaged"


def main():
    night, experiment, stage, output = sys.argv[1:5]
    line = Timeline(night, experiment, stage)
    line.note("start", beside=line.beside(), input=state(Path(sys.argv[5])) if len(sys.argv) > 5 else None)
    time.sleep(1)
    with open(output, "w") as out:
        out.write("first half\n")
        out.flush()
        line.note("half")
        if line.stops_here():
            return
        time.sleep(line.rest())
        out.write("second half\n")
    line.note("end")


main()
