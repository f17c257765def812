"""Why a chat template does not print a row, found by changing the row until the template prints it.

A change is what a person would do to the row. It gives the changed messages, what the template does not print, and what to
do; None for the last two where it changes nothing.
"""

from itertools import combinations, groupby

import data_rows
import data_tokens


SYSTEM_REFUSED = "refuses the system message"


def places(indexes):
    """`message 2`, `messages 1, 3`."""
    return f"message{'s' if len(indexes) > 1 else ''} {', '.join(str(index + 1) for index in indexes)}"


def lists_to_text(messages):
    found = [index for index, message in enumerate(messages) if isinstance(message.get("content"), list)]
    changed = [
        {**message, "content": data_rows.text_of(message["content"])} if index in found else message
        for index, message in enumerate(messages)
    ]
    return changed, found and f"cannot print the content of {places(found)}, which is a list", "make it a text"


def absent_to_empty(messages):
    found = [index for index, message in enumerate(messages) if message.get("content") is None]
    changed = [{**message, "content": ""} if index in found else message for index, message in enumerate(messages)]
    what = found and f"cannot print {places(found)} without `content`"
    return changed, what, 'write a text as `content`, "" where there is none'


def without_system(messages):
    others = [message for message in messages if message["role"] != "system"]
    what = SYSTEM_REFUSED if 0 < len(others) < len(messages) else None
    return others, what, (
        "put its text in front of the user's message or remove it, and write `eval.system: \"\"` if the suite has one"
    )


def from_the_user(messages):
    start = next((index for index, message in enumerate(messages) if message["role"] == "user"), 0)
    system = [message for message in messages[:start] if message["role"] == "system"]
    what = "refuses an example that does not begin with the user" if start > len(system) else None
    return [*system, *messages[start:]], what, "begin the example with a message of the user"


def joined(messages):
    groups = [list(group) for _, group in groupby(enumerate(messages), lambda pair: pair[1]["role"])]
    found = [index for group in groups if len(group) > 1 for index, _ in group]
    what = found and f"refuses {places(found)}, which follow one another with the same role"
    return [group[-1][1] for group in groups], what, "make one message of those of the same role"


CHANGES = (lists_to_text, absent_to_empty, without_system, from_the_user, joined)


def causes(messages, prints):
    """[(what, what to do)] of the fewest changes that let the template print the row; none when no two of them do."""
    for count in (1, 2):
        for changes in combinations(CHANGES, count):
            changed, found = messages, []
            for change in changes:
                changed, what, remedy = change(changed)
                found.append((what, remedy))
            if all(what for what, _ in found) and prints(changed):
                return found
    return []


def refusal(messages, tools, reason, masks, renderer):
    """Why mlx_lm makes no tokens of a row, in a sentence. `masks`: the training has mask_prompt."""

    def renders(part, adds_prompt=False):
        return data_tokens.attempt(renderer.render, part, tools, add_generation_prompt=adds_prompt)[1] is None

    def prints(row):
        return renders(row) and (not masks or renders(row[:-1], row[-1]["role"] == "assistant"))

    if prints(messages):  # then it is the tokenizer that fails
        return f"mlx_lm cannot tokenize the example: {reason}"
    if found := causes(messages, prints):
        whats, remedies = (list(texts) for texts in zip(*found))
        return f"the chat template of the model {' and '.join(whats)} ({reason}); {'; '.join(remedies)}"
    if len(messages) == 1 and renders(messages):
        return (
            "the example has only one message, so there is no prompt to mask before it "
            f"({reason}); begin the example with a message of the user and end it with the answer"
        )
    problem = f"mlx_lm cannot tokenize the example with this model's chat template: {reason}"
    return f"{problem}; change the example as the template requires" if reason.startswith("TemplateError: ") else problem
