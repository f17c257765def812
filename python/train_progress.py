"""What the training driver reports while it works: events as JSON lines, and the time that its hooks take.

Each line of the file is one event: {"event": NAME, "time": UNIX SECONDS, ...}. Numbers that are not finite are the
texts "nan", "inf" and "-inf", because JSON has no such numbers.
"""

import json
import math
import os
import time
from contextlib import contextmanager


def plain(value):
    """A value that JSON can hold."""
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


class Progress:
    """The file of events. Without a path nothing is written."""

    def __init__(self, path, beat_seconds):
        self._file = None if path is None else os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        self._beat_seconds = beat_seconds
        self._next_beat = -math.inf
        self._phase = None
        if path is not None and os.path.getsize(path) > 0:
            self._end_line(path)

    def _end_line(self, path):
        """A process that was killed may have left half a line. The first event must not become a part of it."""
        with open(path, "rb") as file:
            file.seek(-1, os.SEEK_END)
            if file.read() != b"\n":
                os.write(self._file, b"\n")

    def event(self, name, **fields):
        """Appends one line with one write, so that a reader never sees two lines mixed."""
        if self._file is None:
            return
        line = json.dumps({"event": name, "time": round(time.time(), 3), **plain(fields)})
        try:
            os.write(self._file, f"{line}\n".encode())
        except OSError:
            pass  # a full disk: the training must not die of a line of progress
        # Every event shows that the process works, so that the next beat can wait.
        self._next_beat = time.monotonic() + self._beat_seconds

    def beat(self, phase, iteration=None, **fields):
        """Says that the process works. Written when the phase changes, and else once in `beat_seconds`."""
        if self._file is None or (phase == self._phase and time.monotonic() < self._next_beat):
            return
        self._phase = phase
        self.event("beat", phase=phase, iteration=iteration, **fields)


def say(text):
    """A line for the log, between mlx_lm's own lines."""
    print(f"phasebox: {text}", flush=True)


class HookClock:
    """Measures the seconds that the hooks add to a training, by what they do."""

    WORDS = {
        "beats": "heartbeats",
        "resume": "resuming",
        "rows": "order of the rows",
        "states": "saving states",
    }

    def __init__(self):
        self.seconds = {}
        self._inner = []

    @contextmanager
    def measure(self, name):
        """Adds the time of a block to `name`, less the time of measured blocks inside it."""
        start = time.perf_counter()
        self._inner.append(0.0)
        try:
            yield
        finally:
            spent = time.perf_counter() - start
            self.seconds[name] = self.seconds.get(name, 0.0) + spent - self._inner.pop()
            if self._inner:
                self._inner[-1] += spent

    def total(self):
        return sum(self.seconds.values())

    def summary(self, wall_seconds):
        """One sentence: the time inside the hooks, its share of the wall time, and its parts."""
        parts = sorted(self.seconds.items(), key=lambda item: -item[1])
        each = ", ".join(f"{self.WORDS.get(name, name)} {seconds:.3f} s" for name, seconds in parts)
        share = 100 * self.total() / wall_seconds if wall_seconds > 0 else 0.0
        took = f"{self.total():.3f} s of {wall_seconds:.1f} s ({share:.2f} %)"
        return f"its own code in the training took {took}: {each}"
