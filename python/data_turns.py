"""The assistant's messages in all rows of a file, and which of them no row teaches.

The same message may be in several rows, in the prompt of one and as the answer of another; data with one row per
assistant turn is made of such rows. It is the same message when the conversation up to and including it is the same.
"""

import hashlib
import json
from dataclasses import dataclass

import data_rows

CALLS, ANSWERS = ("call",), ("call", "prose")


@dataclass(frozen=True)
class Turn:
    conversation: object  # identifies the messages up to and including this one
    is_call: bool
    taught: str | None  # `Answer.taught` of data_taught.py; None: only read


def conversations(messages, tools):
    """An identity of the conversation after each message."""
    digest = hashlib.blake2b(digest_size=16)
    try:
        for value in (tools, *messages):
            digest.update(json.dumps(value).encode() + b"\n")
            yield digest.digest()
    except RecursionError:  # too deep to be printed: counts as a conversation of its own
        yield from (object() for _ in (tools, *messages))


def turns_of(messages, tools, taught):
    """The assistant's messages of a row. `taught`: what is taught of a message, by its index."""
    _, *identities = conversations(messages, tools)
    return [
        Turn(identity, data_rows.is_call(message), taught.get(index))
        for index, (message, identity) in enumerate(zip(messages, identities))
        if message["role"] == "assistant"
    ]


def never_taught(turns, kinds):
    """How many messages there are, and how many of them no row teaches as one of `kinds`."""
    known = {turn.conversation for turn in turns if turn.taught in kinds}
    taught = sum(turn.taught in kinds for turn in turns)
    never = sum(turn.conversation not in known for turn in turns)
    return {"total": taught + never, "never_taught": never}


def counts(turns):
    """`calls` and `turns` of src/events/data-report.ts."""
    calls = [turn for turn in turns if turn.is_call]
    return {"calls": never_taught(calls, CALLS), "turns": never_taught(turns, ANSWERS)}
