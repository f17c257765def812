"""The calls that a message makes in its own fields (`tool_calls`, `function_call`), and whether a text contains them."""

import json

import data_text


def calls_of(message):
    """[(name, arguments)] of a message; arguments as they are in the row: an object, or JSON as text."""
    listed = message.get("tool_calls")
    calls = [*(listed if isinstance(listed, list) else []), message.get("function_call")]
    functions = (call.get("function", call) if isinstance(call, dict) else None for call in calls)
    return [(str(one.get("name")), one.get("arguments", {})) for one in functions if isinstance(one, dict)]


def parsed(arguments):
    """Arguments as an object; a text that is not JSON stays a text."""
    if not isinstance(arguments, str):
        return arguments
    try:
        return json.loads(arguments)
    except (ValueError, RecursionError):
        return arguments


def leaves(value):
    """The keys and plain values of an object, whatever its depth. null is left out: templates may."""
    pending = [value]
    while pending:
        one = pending.pop()
        if isinstance(one, dict):
            yield from map(str, one)
            pending.extend(one.values())
        elif isinstance(one, list):
            pending.extend(one)
        elif one is not None:
            yield one


def spellings(value):
    """How a template may print a plain value: unchanged, as JSON, as JSON in a JSON text, as Python."""
    if not isinstance(value, str):
        return {json.dumps(value), str(value)}
    escaped = {json.dumps(value, ensure_ascii=ascii_only)[1:-1] for ascii_only in (True, False)}
    return {value, *escaped, *(json.dumps(text)[1:-1] for text in escaped), repr(value)[1:-1]}


def holds(text, value, renderer):
    """Whether a squeezed text contains a plain value in one of its spellings. Every text contains an empty text."""
    return any(renderer.normal(one) in text or renderer.decoded(one) in text for one in spellings(value))


def missing(calls, text, renderer):
    """Names, keys and values of calls that a squeezed text does not contain."""
    for name, arguments in calls:
        for value in (name, *leaves(parsed(arguments))):
            if not holds(text, value, renderer):
                yield value


def quoted(calls, text):
    """Whether arguments that are JSON as text were printed as a text: "{\\"path\\": ...}" instead of {"path": ...}."""
    texts = [arguments for _, arguments in calls if isinstance(arguments, str) and isinstance(parsed(arguments), dict)]
    return any(data_text.squeezed(json.dumps(one)) in text for one in texts if parsed(one))
