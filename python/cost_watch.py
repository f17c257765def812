"""The time that a measurement takes, and how far it is."""

import time


def say(text):
    print(text, flush=True)


def timed(work):
    """(the result of `work`, seconds)"""
    start = time.monotonic()
    return work(), time.monotonic() - start


class Watch:
    """The time that is left of so many seconds (None: no limit), and how much of the work is done, which it prints."""

    def __init__(self, seconds):
        self.start, self.seconds, self.said = time.monotonic(), seconds, -1
        self.done, self.planned = 0, 1

    def left(self, needed):
        """Seconds that are left apart from those that are needed anyway. None: there is no limit."""
        return None if self.seconds is None else self.seconds - (time.monotonic() - self.start) - needed

    def plan(self, tokens):
        """Notes how many tokens are measured in all, as far as it is known."""
        self.planned = max(tokens, 1)
        self.tell(0)

    def tell(self, tokens):
        self.done += tokens
        percent = min(100 * self.done // self.planned, 100)
        if percent > self.said:
            self.said = percent
            say(f"done {percent} %")
