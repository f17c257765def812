"""What may be wrong with the taught part of a row, in sentences, and when it is a reason not to train.

A row is wrong when each of its answers (with mask_prompt its one answer, the last message) has a finding of `STOPS`:
something else is taught in its place, or nothing. When more than half of the rows of a file are wrong, their findings are
stops: the training would not be the one that the data describes. Below that they are warnings with the lines. All other
findings are warnings, however many rows have them: the answer is taught, but not all that surrounds it is there.
"""

from collections import Counter, defaultdict

import data_turns

STOPS = frozenset(("last", "silence", "calls", "repr", "masked", "prompt", "changed"))

KINDS = {
    "last": "the last message of the example is not from the assistant, and with mask_prompt the last message is trained "
    "on whatever its role; end the example with the answer",
    "silence": "the answer is empty, so only the end of the turn is trained on; write the answer or remove the example",
    "calls": "the chat template does not print the calls of `tool_calls` as the example has them, so they are not trained on; "
    "write them into `content` as the model must write them, or use a model whose template prints them",
    "repr": "the content of the answer is a list, and the chat template prints it as Python code; make it a text",
    "masked": "the mask covers the first tokens of the answer: the chat template opens an answer with more (for example "
    "<think>) than it prints for the answer of the example; remove mask_prompt, or change the chat template of the model",
    "prompt": "the mask ends before the prompt does, so words of the prompt are trained on; remove mask_prompt, or change "
    "the chat template of the model",
    "changed": "the chat template does not print the answer as the example has it",
    "joined": "the first characters of the answer and the last ones of the prompt are one token, which is masked, so the "
    "first characters are not trained on",
    "whitespace": "the chat template changes the whitespace inside the answer",
    "other_prompt": "the chat template opens an answer with other text than it prints in front of the answer of the "
    "example, so the answer is trained on after another prompt than the model gets in use",
    "thoughts": "the chat template does not print the thoughts of the answer, so they are not trained on",
    "only_thoughts": "the answer is thoughts alone, and the chat template does not print them, so nothing of it is trained "
    "on",
    "text": "the chat template does not print the text of an answer that has calls, so the text is not trained on",
    "quoted": "the arguments of the calls are JSON as text, and the chat template quotes them again, so calls with "
    "quoted arguments are trained on; write the arguments as a JSON object",
    "characters": "the tokenizer does not know {detail}, so the answer is trained on without it",
    "unclear": "what is trained on could not be compared with the example ({detail})",
    "no_answer": "the example has no message of the assistant, so no answer is trained on",
    "role": "the role {detail} is not named in the chat template of the model; check that it is intended",
    "dropped": "the chat template does not print the whole {detail} message, so the model does not see it",
    "repr_prompt": "the content of the {detail} message is a list, and the chat template prints it as Python code; make "
    "it a text",
    "tools": "the chat template does not print the `tools` of the example, so the model does not see them",
    "merged": "the chat template has no system turn: it prints the system message as the beginning of the user's",
}

BY_MASK = (
    ". With mask_prompt, only the last message of an example is trained on. `phasebox data --split DIR` writes an example "
    "for each assistant turn."
)

SHARE = "; the run stops if more than half of the examples of a file are not trained on their answer"

BY_DETAIL = frozenset(("role", "dropped", "repr_prompt"))  # one sentence for each role


def counts(rows, masked):
    """What is taught of the rows of a file: `taught` of src/events/data-report.ts."""
    answers = Counter(answer for row in rows for answer in row.answers)
    kinds = {kind: answers[kind] for kind in ("call", "prose", "other", "nothing")}
    answers = {"total": answers.total(), **kinds}
    return {"masked": masked, "answers": answers, **data_turns.counts([turn for row in rows for turn in row.turns])}


def notes(taught):
    """Sentences on the counts of what is taught, worded as in src/core/taught-text.ts, each with a remedy."""
    answers, calls, turns = taught["answers"], taught["calls"], taught["turns"]
    if answers["prose"] and calls["total"]:
        subject, verb = ("training examples", "end in") if taught["masked"] else ("trained answers", "are")
        percent = f"{100 * answers['prose'] / answers['total']:.1f}".removesuffix(".0")
        yield (
            f"{answers['prose']:,} of {answers['total']:,} {subject} ({percent} %) {verb} text without a tool call. "
            "Check that this is intended."
        )
    if turns["never_taught"]:
        counts, what = (calls, "calls") if calls["never_taught"] else (turns, "assistant turns")
        by_mask = taught["masked"] and turns["never_taught"] > answers["other"] + answers["nothing"]
        yield f"{counts['never_taught']:,} of {counts['total']:,} {what} are never trained on{BY_MASK if by_mask else ''}"


def where(lines, shown=5):
    """`line 7`, `lines 3, 7`, `lines 1, 2, 3, 4, 5 and 12 more`."""
    more = f" and {len(lines) - shown:,} more" if len(lines) > shown else ""
    return f"line{'s' if len(lines) > 1 else ''} {', '.join(map(str, lines[:shown]))}{more}"


def sentence(kind, detail):
    return KINDS[kind].format(detail=detail)


def grouped(rows):
    """(kind, detail, rows with it) for each kind of finding. Quotes are from the first row, characters from all rows."""
    found, details = defaultdict(list), defaultdict(list)
    for row in rows:
        for kind, detail in row.findings:
            key = (kind, detail) if kind in BY_DETAIL else kind
            found[key].append(row)
            details[key].append(detail)
    for key, having in found.items():
        kind = key if isinstance(key, str) else key[0]
        joined = ", ".join(sorted(set("".join(details[key])))) if kind == "characters" else details[key][0]
        yield kind, joined, having


def sentences(part):
    """(kind, sentence) of each kind of finding in a file, with its lines."""
    for kind, detail, rows in grouped(part.taught):
        quoted = detail is not None and "{detail}" not in KINDS[kind]
        example = f" (line {rows[0].line} trains on \"{detail}\")" if quoted else ""
        count = f"{len(rows):,} of {len(part.taught):,} examples"
        yield kind, f"{part.name}, {where([row.line for row in rows])} ({count}): {sentence(kind, detail)}{example}"


def stops(part):
    """Sentences on why the file must not be trained on."""
    wrong = sum(row.wrong for row in part.taught)
    return [text for kind, text in sentences(part) if kind in STOPS] if 2 * wrong > len(part.taught) else []


def warnings(part):
    """Sentences on the findings that do not stop a run."""
    stopped = set(stops(part))
    return [f"{text}{SHARE if kind in STOPS else ''}" for kind, text in sentences(part) if text not in stopped]
