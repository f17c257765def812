"""What a training sees of one row: which of its answers are taught, and what of the row is not taught as written."""

from dataclasses import dataclass, field

import data_calls
import data_rows
from data_findings import STOPS
from data_text import RenderedRow, squeezed
from data_turns import turns_of

THOUGHTS = ("reasoning_content", "reasoning", "thinking")
THOUGHTS_END = "</think>"


@dataclass
class Answer:
    """A message that is to be taught. `taught`: call, prose, other (something else) or nothing (no token of it)."""

    taught: str
    findings: list = field(default_factory=list)


@dataclass
class Taught:
    """What is taught of one row. `findings`: (kind of data_findings.KINDS, detail for its sentence)."""

    line: int
    answers: list  # kinds, as `Answer.taught`
    findings: list
    wrong: bool  # no answer of the row is taught as written
    turns: list  # [data_turns.Turn]


def written(message):
    """The texts of a message's content that are not blank: one, or one a fragment."""
    content = message.get("content")
    fragments = content if isinstance(content, list) else [content]
    return [text for text in map(data_rows.fragment_text, fragments) if text.strip()]


def thoughts_of(message):
    return [text for text in map(message.get, THOUGHTS) if isinstance(text, str) and text.strip()]


def within(row, texts, place):
    """(start, end) of texts inside a place of the row; None when one of them is not there."""
    found = [row.find(text, *place) for text in texts]
    return (found[0][0], found[-1][1]) if found and all(found) else None


def find_text(row, message, place):
    """(start, end, what is wrong with it) of an answer's text in the row; None for start and end: it is not printed."""
    texts, content = written(message), message.get("content")
    if isinstance(content, list) and (found := row.find(str(content), *place)):
        return *found, "repr"
    whole = "".join(texts)
    if found := within(row, texts, place):
        kept = row.renderer.spelled(whole.strip()) in row.written or row.find(whole, *place) is None
        return *found, None if kept else "whitespace"
    rest = whole.rpartition(THOUGHTS_END)[2]
    if rest.strip() and rest != whole and (found := row.find(rest, *place)):
        return *found, "thoughts"
    return None, None, "text" if data_calls.calls_of(message) else "changed"


def find_calls(row, message, place):
    """(start, end, what is wrong) of an answer's calls in the row."""
    calls, body = data_calls.calls_of(message), row.text[slice(*place)]
    if next(data_calls.missing(calls, body, row.renderer), None) is not None:
        return None, None, "calls"
    names = within(row, [name for name, _ in calls], place) or place
    return names[0], place[1], "quoted" if data_calls.quoted(calls, body) else None


def find_thoughts(row, message, place):
    """(start, end, what is wrong) of an answer without text and calls: it only has thoughts."""
    thoughts = thoughts_of(message)
    found = within(row, thoughts, (place[0] if row.prompt is None else row.prompt, None))
    return (*found, None) if found else (None, None, "only_thoughts" if thoughts else "silence")


def parts_of(row, message, place):
    """[(kind, start, end, what is wrong)] of what a message says."""
    calls, texts = data_calls.calls_of(message), written(message)
    kind = "call" if data_rows.is_call(message) and not calls else "prose"
    parts = []
    if texts:
        parts.append((kind, *find_text(row, message, place)))
    if calls:
        parts.append(("call", *find_calls(row, message, place)))
    return parts or [("prose", *find_thoughts(row, message, place))]


def border(row, start, end):
    """What is wrong with the end of the mask, for an answer at these positions; None when nothing is.

    mlx_lm masks as many tokens as the prompt alone has. When the row continues where that prompt ends, only a token that
    joins the last characters of the prompt with the first ones of the answer can make a difference.
    """
    before = [text for message in row.messages[:-1] for text in written(message)][-1:]
    found = row.find(before[0], 0, start if row.prompt is None else row.prompt) if before else None
    if found and found[1] > row.start:
        return "prompt"
    if row.prompt is not None:
        return None if row.start <= max(start, row.prompt) else "masked" if row.start >= end else "joined"
    if start < row.start:
        return "masked"
    return "other_prompt" if row.is_repeatable() else None


def answer(row, index):
    """What is taught of the message with this index, one that is to be taught."""
    message = row.messages[index]
    if message.get("role") != "assistant":
        return Answer("other", ["last"])
    exact = row.body(index)
    place = exact or (row.prompt or 0, len(row.text))
    parts = parts_of(row, message, place)
    wrong = [problem for *_, problem in parts if problem]
    if thoughts_of(message) and "only_thoughts" not in wrong and not within(row, thoughts_of(message), (0, None)):
        wrong.append("thoughts")
    printed = [part for part in parts if part[1] is not None]
    if not printed:
        return Answer("other", wrong)
    start = exact[0] if exact else min(part[1] for part in printed)
    if row.masked and (problem := border(row, start, max(part[2] for part in printed))):
        wrong.append(problem)
    seen = [part for part in printed if part[1] < row.end and part[2] > row.start]
    kinds = {"other" if problem == "repr" else kind for kind, *_, problem in seen}
    taught = next((kind for kind in ("call", "other", "prose") if kind in kinds), "nothing")
    return Answer(taught, wrong)


def unknown_characters(row, index):
    """The characters of an answer that the tokenizer does not keep."""
    text = squeezed("".join(written(row.messages[index])))
    return "".join(sorted(one for one in set(text) if row.renderer.normal(one) != one))


def is_printed(row, text):
    """Whether the template prints a text of the prompt, unchanged or as JSON."""
    return row.find(text) is not None or data_calls.holds(row.text, text, row.renderer)


def is_whole(row, message):
    """Whether the template prints a message of the prompt. Thoughts of earlier answers are dropped by design."""
    texts = written(message)
    if message["role"] == "assistant":
        texts = [text for text in (one.rpartition(THOUGHTS_END)[2] for one in texts) if text.strip()]
    missing = data_calls.missing(data_calls.calls_of(message), row.text, row.renderer)
    return all(is_printed(row, text) for text in texts) and next(missing, None) is None


def prompt_findings(row, messages):
    """(kind, detail) of what the template makes of messages that are not taught."""
    for message in messages:
        role, content = message["role"], message.get("content")
        if role not in data_rows.ROLES and not row.renderer.names(role):
            yield "role", role
        if isinstance(content, list) and content and row.find(str(content)):
            yield "repr_prompt", role
        elif not is_whole(row, message):
            yield "dropped", role
    if merges_system(row):
        yield "merged", None
    if row.tools and row.text == row.renderer.normal(row.renderer.render(row.messages, None)):
        yield "tools", None


def merges_system(row):
    """Whether the row reads as if its system message were the beginning of the first user message."""
    first, second = [*row.messages, {}, {}][:2]
    if first.get("role") != "system" or second.get("role") != "user" or not (written(first) and written(second)):
        return False
    text = "\n\n".join(data_rows.text_of(message["content"]) for message in (first, second))
    if row.renderer.normal(text) not in row.text:
        return False  # the usual case, and much faster than another rendering
    merged = [{**second, "content": text}, *row.messages[2:]]
    return row.text == row.renderer.normal(row.renderer.render(merged, row.tools))


def look(line, messages, tools, encoded, limit, renderer):
    """What is taught of a row. `encoded`: its tokens, and where the taught ones begin; None: all are taught."""
    tokens, offset = encoded
    row = RenderedRow(messages, tools, tokens, offset, limit, renderer)
    spoken = [index for index, message in enumerate(messages) if message["role"] == "assistant"]
    indexes = spoken if offset is None else [len(messages) - 1]
    answers = {index: answer(row, index) for index in indexes}
    others = [message for index, message in enumerate(messages) if index not in answers]
    wrong = [kind for one in answers.values() for kind in one.findings]
    quote = data_rows.shown(row.taught()) if row.masked and wrong else None
    findings = [(kind, quote) for kind in wrong]
    findings += prompt_findings(row, others)
    if unknown := "".join(unknown_characters(row, index) for index in answers):
        findings.append(("characters", unknown))
    if not answers:
        findings.append(("no_answer", None))
    taught = {index: one.taught for index, one in answers.items()}
    return Taught(
        line,
        list(taught.values()),
        list(dict.fromkeys(findings)),
        bool(answers) and all(STOPS.intersection(one.findings) for one in answers.values()),
        turns=turns_of(messages, tools, taught),
    )
