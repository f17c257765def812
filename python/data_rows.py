"""Reads train.jsonl and the other files, and finds the rows that mlx_lm cannot train on. It uses no tokenizer.

A problem is (line, sentence); lines count from 1. Rows are (line, row) and only those without a problem.
"""

import json

# The key of a row for each kind of text, by default; mlx_lm lets a config rename them (`prompt_feature`, ...).
KEYS = {"chat": "messages", "prompt": "prompt", "completion": "completion", "text": "text"}
FEATURES = "chat_feature, prompt_feature and completion_feature, or text_feature"
ROLES = ("system", "user", "assistant", "tool")
# How other formats name a role of ROLES. A template may print these too, but no request to the model has them.
FOREIGN_ROLES = {
    **{"human": "user", "customer": "user"},
    **{name: "assistant" for name in ("gpt", "bot", "chatbot", "chatgpt", "robot", "ai", "bing")},
}
# Keys of a message that has no `content`.
SAYS = ("tool_calls", "function_call", "reasoning_content", "reasoning", "thinking")
CALL_MARKS = ("<tool_call>", "<function=", "<|tool_call", "[TOOL_CALLS]", "<function_call>")


def add_key_arguments(parser):
    """--chat-key and the others to the arguments of a program that reads data."""
    for kind, key in KEYS.items():
        parser.add_argument(f"--{kind}-key", default=key)


def keys_of(args):
    return {kind: getattr(args, f"{kind}_key") for kind in KEYS}


def shown(value, limit=60):
    """A value as a person recognises it, cut to one short line."""
    try:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    except RecursionError:  # the parser accepts a depth that the printer may not
        text = f"{type(value).__name__}, deeply nested"
    text = " ".join(text.split())
    return text if len(text) <= limit else text[: limit - 3] + "..."


def lines_of(path):
    """The lines as mlx_lm's text mode splits them; a line that is not UTF-8 stays bytes."""
    for line in path.read_bytes().replace(b"\r\n", b"\n").replace(b"\r", b"\n").removesuffix(b"\n").split(b"\n"):
        try:
            yield line.decode("utf-8")
        except UnicodeDecodeError:
            yield line


def parse(line):
    """(row, None) or (None, what is wrong with the line)."""
    if isinstance(line, bytes):
        return None, f"not UTF-8 text (seen: {line[:40]!r}); save the file as UTF-8"
    if not line.strip():
        return None, "empty, and mlx_lm reads every line as JSON; remove it"
    if line.startswith("\ufeff"):
        return None, "starts with a byte order mark; save the file as UTF-8 without BOM"
    try:
        row = json.loads(line)
    except json.JSONDecodeError as error:
        place = f"not JSON: {error.msg} at character {error.pos + 1} (seen: {shown(line)})"
        return None, f"{place}; an example is one JSON object on one line"
    except (ValueError, RecursionError) as error:  # a number of more than 4,300 digits, or a thousand brackets
        return None, f"not JSON that Python can read: {error} (seen: {shown(line)}); remove or shorten the example"
    if not isinstance(row, dict):
        return None, f'an example must be a JSON object like {{"messages": [...]}} (seen: {shown(row)})'
    return row, None


def kind_of(row, keys):
    """Which dataset mlx_lm makes of a file with this first row: completion, chat, text; None = it refuses the file."""
    if keys["prompt"] in row and keys["completion"] in row:
        return "completion"
    return "chat" if keys["chat"] in row else "text" if keys["text"] in row else None


def fragment_text(fragment):
    """The text of a fragment of a message's content; empty for an image and for anything else that is not text."""
    text = fragment.get("text") if isinstance(fragment, dict) else fragment
    return text if isinstance(text, str) else ""


def text_of(content):
    """The text of a message's content, which may also be a list of fragments."""
    return "".join(map(fragment_text, content if isinstance(content, list) else [content]))


def wrong_message(message, place):
    if not isinstance(message, dict):
        return f"{place} must be an object with role and content (seen: {shown(message)})"
    role = message.get("role")
    if not isinstance(role, str):
        return f"{place} has the role {shown(role)}; a role is a text such as {', '.join(ROLES)}"
    if role in FOREIGN_ROLES:
        return f"{place} has the role {role}, which is of another format; write {FOREIGN_ROLES[role]}"
    content = message.get("content")
    if content is None and not any(map(message.get, SAYS)):
        return f"{place} ({role}) has neither content nor tool_calls"
    if content is not None and not isinstance(content, (str, list)):
        return f"{place} ({role}): content must be text (seen: {shown(content)})"
    return None


def wrong_row(row, kind, keys):
    """Why mlx_lm cannot read this row like the others of its file. None if it can."""
    if kind == "chat":
        messages = row.get(keys["chat"])
        if not isinstance(messages, list) or not messages:
            return f"`{keys['chat']}` must be a list of messages (seen: {shown(messages)})"
        return next(filter(None, (wrong_message(m, f"message {i}") for i, m in enumerate(messages, 1))), None)
    for key in ("prompt", "completion") if kind == "completion" else ("text",):
        value = row.get(keys[key])
        if not isinstance(value, str) or not value and kind == "text":
            return f"`{keys[key]}` must be a text that is not empty (seen: {shown(value)})"
    return None


def read_rows(path, keys):
    """(kind, rows, problems) of one file. The first row that parses decides the kind, as in mlx_lm."""
    parsed = [(number, *parse(line)) for number, line in enumerate(lines_of(path), 1)] if path.stat().st_size else []
    problems = [(number, problem) for number, _, problem in parsed if problem]
    rows = [(number, row) for number, row, problem in parsed if not problem]
    if not rows:
        return None, [], problems or [(1, "the file is empty")]
    kind = kind_of(rows[0][1], keys)
    if kind is None:
        needed = f"`{keys['chat']}`, or `{keys['prompt']}` and `{keys['completion']}`, or `{keys['text']}`"
        seen = f"seen: {shown(', '.join(rows[0][1])) or 'no key'}"
        problem = f"an example needs {needed} ({seen}); rename the keys, or name them with {FEATURES}"
        return None, [], [*problems, (rows[0][0], problem)]
    checked = [(number, row, wrong_row(row, kind, keys)) for number, row in rows]
    problems += [(number, problem) for number, _, problem in checked if problem]
    return kind, [(number, row) for number, row, problem in checked if not problem], sorted(problems)


def messages_of(row, kind, keys):
    """A row as messages, whatever its kind: a text row is one answer."""
    if kind == "chat":
        return row[keys["chat"]]
    if kind == "completion":
        turns = (("user", row[keys["prompt"]]), ("assistant", row[keys["completion"]]))
        return [{"role": role, "content": content} for role, content in turns]
    return [{"role": "assistant", "content": row[keys["text"]]}]


def is_call(message):
    """Whether a message calls a tool, in its fields or in its text."""
    text = text_of(message.get("content"))
    return bool(message.get("tool_calls") or message.get("function_call")) or any(mark in text for mark in CALL_MARKS)


def first_answer(messages):
    """`call`, `prose`, or None when no message is the assistant's."""
    answer = next((message for message in messages if message["role"] == "assistant"), None)
    return None if answer is None else "call" if is_call(answer) else "prose"
