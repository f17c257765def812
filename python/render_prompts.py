"""Renders the prompts of a suite as mlx_lm's server will, before a model is trained for them.

usage: python render_prompts.py <REQUEST >ANSWER
    REQUEST: {"date": "2026-11-28", "jobs": [{"model": DIR, "requests": [{"id", "messages", "tools"?,
             "chat_template_kwargs"?}]}]}, a request as it is sent to the server
    ANSWER:  a list with a line for each job: {"failed": why}, or what core/score/rendering.ts reads

Only tokenizers are loaded, no weights. A prompt is made by the server's own function, so that it is the one that the
server will make. `dated` is measured: the prompts are rendered again for a moment more than a year later.
"""

import argparse
import contextlib
import copy
import hashlib
import json
import os
import re
import sys
import traceback
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import chat_prompts  # noqa: E402

IMAGES = ("image_url", "input_image", "image")
LATER = timedelta(days=400, hours=13, minutes=57, seconds=31)
WIDEST = 160
SAMPLE = 20


def load(model):
    """The tokenizer as the server loads it, and whether the model has an image processor."""
    from mlx_lm import utils

    folder = Path(model)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    eos = config.get("eos_token_id")
    return utils.load_tokenizer(folder, {"trust_remote_code": False}, eos_token_ids=eos), "vision_config" in config


def tokens_of(tokenizer, request, messages):
    """The prompt as the server makes it; raises what the chat template raises."""
    from mlx_lm import server

    arguments = SimpleNamespace(cli_args=SimpleNamespace(chat_template_args={}), processor=None)
    asked = server.CompletionRequest("chat", "", copy.deepcopy(messages), request.get("tools") or None, None)
    given = SimpleNamespace(chat_template_kwargs=request.get("chat_template_kwargs"))
    made = server.ResponseGenerator._tokenize(SimpleNamespace(model_provider=arguments), tokenizer, asked, given)
    # Up to 0.31 the tokens alone, later their segments as well.
    return list(made[0] if isinstance(made, tuple) else made)


def source_of(tokenizer, request):
    """The text of the template that is used; empty if the tokenizer renders on its own."""
    try:
        return tokenizer.get_chat_template(None, request.get("tools") or None)
    except Exception:  # a custom tokenizer may lack it
        return ""


def part_of(source, error):
    """The line of the template that raised, cut to what is around the call; null if no line is the cause."""
    lines = source.splitlines()
    frames = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == "<template>"]
    at = frames[-1] if frames else getattr(error, "lineno", None)
    if not isinstance(at, int) or not 1 <= at <= len(lines):
        return None
    line = lines[at - 1].strip()
    if len(line) > WIDEST:
        # A template on one line: the message itself says where.
        found = max(line.find(str(error)), 0)
        start = max(0, found - WIDEST // 2)
        line = f"{'...' if start else ''}{line[start : start + WIDEST]}..."
    return f"line {at}: {line}"


def refusal(tokenizer, request, error):
    """What the template refuses, in its own words, and whether it is the system prompt."""
    messages = request["messages"]
    freed = False
    if messages[0]["role"] == "system" and len(messages) > 1:
        with contextlib.suppress(Exception):
            tokens_of(tokenizer, request, messages[1:])
            freed = True
    text = str(error) or type(error).__name__
    part = part_of(source_of(tokenizer, request), error)
    return {"id": request["id"], "error": text, "part": part, "without_system": freed}


def has_image(request):
    """True if a message has an image: only a processor of the model can render it."""
    contents = [message.get("content") for message in request["messages"]]
    parts = [part for content in contents if isinstance(content, list) for part in content]
    return any(part.get("type") in IMAGES for part in parts)


def digest(prompts):
    """sha256 over the token ids of all prompts, in order."""
    return hashlib.sha256(json.dumps(prompts).encode()).hexdigest()


def render(tokenizer, requests):
    """([tokens of each prompt that could be made], [refusals])."""
    made, refused = [], []
    for request in requests:
        try:
            made.append(tokens_of(tokenizer, request, request["messages"]))
        except Exception as error:  # a template may raise anything, so only the name of the prompt helps
            refused.append(refusal(tokenizer, request, error))
    return made, refused


def without(request, key):
    """The request without its system prompt, its tools or an argument of the template; null when it has none."""
    messages, given = request["messages"], request.get("chat_template_kwargs") or {}
    if key == "system":
        has = messages[0]["role"] == "system" and len(messages) > 1
        return {**request, "messages": messages[1:]} if has else None
    if key == "tools":
        return {**request, "tools": None} if request.get("tools") else None
    return {**request, "chat_template_kwargs": {k: v for k, v in given.items() if k != key}} if key in given else None


def ignored(tokenizer, requests, sources):
    """What is in the requests and in no prompt: `system`, `tools`, names of arguments that the template does not know."""
    names = {name for request in requests for name in request.get("chat_template_kwargs") or {}}
    for key in ("system", "tools", *sorted(name for name in names if not any(name in text for text in sources))):
        pairs = [(request, without(request, key)) for request in requests[:SAMPLE]]
        pairs = [(request, less) for request, less in pairs if less is not None]
        prompts = ([tokens_of(tokenizer, one, one["messages"]) for one in pair] for pair in pairs)
        with contextlib.suppress(Exception):  # a template that fails without it uses it
            if pairs and all(whole == less for whole, less in prompts):
                yield key


def examine(model, requests, date):
    """The result of these requests with the model's chat template."""
    tokenizer, sees = load(model)
    skipped = [request["id"] for request in requests if sees and has_image(request)]
    asked = [request for request in requests if request["id"] not in skipped]
    chat_prompts.fix_date(date.isoformat())
    made, refused = render(tokenizer, asked)
    chat_prompts.fix_date((date + LATER).isoformat())
    later, _ = render(tokenizer, asked)
    whole = not refused and not skipped
    sources = {source_of(tokenizer, request) for request in asked}
    names = {name for text in sources for name in re.findall(r"(\w*(?:date|today)\w*) is (?:not )?defined", text)}
    return {
        "sha256": digest(made) if whole else None,
        "tokens": {request["id"]: len(tokens) for request, tokens in zip(asked, made)} if whole else {},
        "refused": refused,
        "skipped": skipped,
        "templated": bool(tokenizer.has_chat_template),
        "dated": date.date().isoformat() if digest(made) != digest(later) else None,
        "date_args": sorted(names - {"strftime_now"}),
        "ignored": [] if refused else list(ignored(tokenizer, asked, sources)),
    }


def answer(job, date):
    try:
        return examine(job["model"], job["requests"], date)
    except Exception as error:  # the training reports a tokenizer that cannot be loaded
        return {"failed": f"{type(error).__name__}: {error}"}


def main():
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter).parse_args()
    asked = json.load(sys.stdin)
    # A tokenizer may print something while it is loaded, which is not part of the answer.
    with contextlib.redirect_stdout(sys.stderr):
        chat_prompts.without_tool_parser()
        answers = [answer(job, datetime.fromisoformat(asked["date"])) for job in asked["jobs"]]
    json.dump(answers, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
