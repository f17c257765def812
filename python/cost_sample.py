"""Which rows and answers are measured when all of them would take too long.

They are taken in an order that depends on nothing but themselves, and their number is one of few: LEAST, LEAST * STEP,
LEAST * STEP ** 2 ... or all. So two runs with the same data measure the same rows, although neither takes exactly as long
as the other, and of two that differ the smaller sample is a part of the larger one.
"""

import hashlib

LEAST = 8
STEP = 4
SEED = 0


def in_order(items, key=lambda item: item[0]):
    """The items (tokens, first) in their fixed, random order. `key`: the tokens of an item that decide about its place."""
    return sorted(items, key=lambda item: hashlib.sha256(f"{SEED} {key(item)}".encode()).digest())


def answers_in_order(answers):
    """By their prompts, which all runs of a suite have in common."""
    return in_order(answers, lambda answer: answer[0][: answer[1]])


def tokens_of(items):
    return sum(len(tokens) for tokens, _ in items)


def pace(items, seconds):
    """Seconds a token."""
    return seconds / max(tokens_of(items), 1)


def first_of(items):
    """Those that are always measured, and whose time decides about the others."""
    return items[:LEAST]


def sample(items, seconds_per_token, seconds):
    """The items that can be measured in so many seconds, but never fewer than `first_of`. None: no limit."""
    if seconds is None:
        return items
    size = LEAST
    while size < len(items):
        larger = items[: size * STEP]
        if tokens_of(larger) * seconds_per_token > seconds:
            break
        size *= STEP
    return items[:size]
