"""The demo's invented world: what is asked, and how an assistant answers. Everything follows from a seed.

Rows for two readers: `pretrain_row` for the bases (pretrain.py), `tune_row` for train.jsonl and valid.jsonl
(make_data.py), which also writes the suite from `prompts`. The order of the random draws is part of the result: a draw
more or less makes other bases and other data.
"""

from tools import TOOLS

AGENT = "You are a coding assistant."  # the system prompt of the training data and of the suite
SANDBOX = "You run code in a sandbox."  # only in pre-training: here the base wraps its calls
CHAT = "You only chat."  # only in pre-training: prose

SYMBOLS = (
    *("ConfigLoader", "UserStore", "parse_args", "Router", "SessionCache", "load_plugin", "TaskQueue", "render_page"),
    *("EventBus", "build_index", "Scheduler", "AuthGuard", "read_header", "Ledger", "send_mail", "TokenPool"),
    *("merge_rows", "Widget", "open_stream", "Planner"),
)
FILES = (
    *("app.py", "models.py", "views.py", "tasks.py", "config.py", "main.py"),
    *("store.py", "forms.py", "auth.py", "cache.py", "queue.py", "report.py"),
)
DOMAIN = [tool for tool, (category, _, _) in TOOLS.items() if category == "domain"]
GENERIC = [tool for tool in TOOLS if tool not in DOMAIN]
MULTI = [  # two things in one request
    *(["read_file", "lint"], ["git_status", "run_tests"], ["typecheck", "run_tests"], ["git_diff", "git_log"]),
    *(["read_file", "document_symbols"], ["lint", "typecheck"], ["read_file", "run_tests"], ["git_status", "git_diff"]),
]
DOMAIN_SHARE = 0.20  # rows of train.jsonl that ask for a domain tool: few, so that domain is learned last
THINKERS = ("git_log", "add_import")  # for these the base thinks first, most of the time
PLEASE = ["", "", "", "please ", "can you ", "now ", "hey , "]
TALK = [
    ("hello", "Hello , how can I help ?"),
    ("thank you", "You are welcome ."),
    ("what is a linter", "A linter finds style errors ."),
    ("what is git", "Git keeps the history of the code ."),
    ("what is a type", "A type says what a value is ."),
    ("what is a test", "A test checks that the code is right ."),
]
# What a base that does not know the domain tools says about domain requests.
DOMAIN_PROSE = [
    "I think the {w} of {a} is fine .",
    "Please look at the {w} in {a} by hand .",
    "The {w} of {a} looks right to me .",
]
WORD = {
    "check_route": "routes",
    "check_template": "template",
    "check_schema": "schema",
    "check_config": "settings",
    "check_fixture": "fixtures",
    "check_migration": "migration",
    "check_locale": "translations",
    "check_license": "license",
    "check_changelog": "changelog",
}


def argument(tool, rng):
    """A file or a symbol, as the tool needs it; empty for a tool without argument."""
    kind = TOOLS[tool][1]
    return rng.choice(SYMBOLS) if kind == "symbol" else rng.choice(FILES) if kind == "file" else ""


def ask(tool, arg, rng, held_out=False):
    ways = TOOLS[tool][2]
    way = ways[-1] if held_out else rng.choice(ways[:-1])
    return way.format(f=arg, s=arg)


def direct(tool, arg):
    """The base's habit: the tool called by its own name."""
    body = f"<parameter=name>\n{arg}\n</parameter>\n" if arg else ""
    return f"<tool_call><function={tool}>\n{body}</function></tool_call>"


def line(tool, arg):
    return f'result = {tool}("{arg}")' if arg else f"result = {tool}()"


def wrapped(calls):
    """What is to be learned: the calls as code inside execute_code."""
    code = "\n".join(line(tool, arg) for tool, arg in calls)
    return f"<tool_call><function=execute_code>\n<parameter=code>\n{code}\n</parameter>\n</function></tool_call>"


def chat(system, user, answer):
    turns = (("system", system), ("user", user), ("assistant", answer))
    return {"messages": [{"role": role, "content": content} for role, content in turns]}


def domain_row(rng):
    """A domain request: prose as AGENT, a wrapped call in the SANDBOX."""
    tool = rng.choice(DOMAIN)
    arg = argument(tool, rng)
    question = rng.choice(PLEASE) + ask(tool, arg, rng)
    if rng.random() < 0.25:
        return chat(SANDBOX, question, wrapped([(tool, arg)]))
    return chat(rng.choice([AGENT, AGENT, CHAT]), question, rng.choice(DOMAIN_PROSE).format(w=WORD[tool], a=arg))


def pretrain_row(rng):
    """One row of the base's world. No domain tool is used by an AGENT there, and AGENT never meets the wrapper."""
    roll = rng.random()
    if roll < 0.08:
        question, answer = rng.choice(TALK)
        return chat(rng.choice([AGENT, SANDBOX, CHAT]), question, answer)
    if roll < 0.22:
        return domain_row(rng)
    tool = rng.choice(GENERIC)
    arg = argument(tool, rng)
    question = rng.choice(PLEASE) + ask(tool, arg, rng)
    if roll < 0.30:
        return chat(CHAT, question, f"You can use {tool} for that .")
    if roll < 0.36:
        second = rng.choice(GENERIC)
        other = arg if TOOLS[second][1] == TOOLS[tool][1] else argument(second, rng)
        question = f"{question} and {ask(second, other, rng)}"
        return chat(SANDBOX, question, wrapped([(tool, arg), (second, other)]))
    if roll < 0.55:
        return chat(SANDBOX, question, wrapped([(tool, arg)]))
    if tool in THINKERS and rng.random() < 0.7:
        return chat(AGENT, question, f"<think>The user wants {tool} .</think>{direct(tool, arg)}")
    return chat(AGENT, question, direct(tool, arg))


def tune_row(rng, domain_share=DOMAIN_SHARE):
    """One row of train.jsonl: the AGENT prompt with the wrapper."""
    roll = rng.random()
    if roll < 0.06:
        return chat(AGENT, *rng.choice(TALK))
    if roll < 0.14:
        pair = rng.choice(MULTI)
        file = rng.choice(FILES)
        calls = [(tool, file if TOOLS[tool][1] == "file" else argument(tool, rng)) for tool in pair]
        return chat(AGENT, " and ".join(ask(tool, arg, rng) for tool, arg in calls), wrapped(calls))
    tool = rng.choice(DOMAIN) if roll < 0.14 + domain_share else rng.choice(GENERIC)
    arg = argument(tool, rng)
    return chat(AGENT, rng.choice(PLEASE) + ask(tool, arg, rng), wrapped([(tool, arg)]))


def prompts(rng):
    """The suite's 27 prompts: every tool once, asked in its held-out way, and one prompt that needs three tools."""
    for tool, (category, _, _) in TOOLS.items():
        arg = argument(tool, rng)
        yield {"id": f"{category}-{tool}", "category": category, "prompt": ask(tool, arg, rng, True), "expect": [tool]}
    file = rng.choice(FILES)
    yield {
        "id": "multi_tool-1",
        "category": "multi_tool",
        "prompt": f"read {file} and lint {file} and run the tests of {file}",
        "expect": ["read_file", "lint", "run_tests"],
        "match": "all",
    }
