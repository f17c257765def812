"""Writes the tokenizer, train.jsonl, valid.jsonl and the suite from world.py: the same bytes each time.

usage: python make_data.py DEMO_FOLDER TOKENIZER_FOLDER      (needs the package `tokenizers`, nothing else)
"""

import json
import random
import sys
from pathlib import Path

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

import make_rows
import world
from tools import TOOLS

VOCABULARY = 576
ROWS = {"train": 300, "valid": 40}
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]  # left out when tokens are decoded
MARKS = [  # one token each, but text like any other
    *("<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>", "<think>", "</think>"),
    *("<function=", "</function>", "<parameter=", "</parameter>", "execute_code"),
]
TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
CONFIG = {
    "tokenizer_class": "PreTrainedTokenizerFast",
    "eos_token": "<|im_end|>",
    "pad_token": "<|endoftext|>",
    "chat_template": TEMPLATE,
    "model_max_length": 512,
    "clean_up_tokenization_spaces": False,
}
SUITE_HEAD = """\
# The demo's suite, written by demo/make/make_data.py: each tool once, asked in a way that no training text has.
suite: demo-27
system: {system}
wrapper: execute_code
prompts:
"""


def texts():
    """What the tokenizer learns from: rows of its own, so that the base does not depend on the tuning rows."""
    rng = random.Random(1)
    rows = [world.pretrain_row(rng) for _ in range(8000)]
    held = [world.ask(tool, world.argument(tool, rng), rng, True) for tool in TOOLS for _ in range(20)]
    return ["\n".join(f"{m['role']}\n{m['content']}" for m in row["messages"]) for row in rows] + held


def tokenizer():
    """Byte-level BPE over printable ASCII, blank and newline only: that keeps the vocabulary small."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    names, corpus = MARKS + list(TOOLS), texts()
    for name in names:
        corpus = [text.replace(name, " ") for text in corpus]
    alphabet = [chr(code) for code in range(33, 127)] + ["\u0120", "\u010a"]
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY - len(names), special_tokens=SPECIAL, initial_alphabet=alphabet, show_progress=False
    )
    made.train_from_iterator(corpus, trainer)
    made.add_tokens([AddedToken(name, special=False, normalized=False) for name in names])
    return made


def in_yaml(value):
    """A value of the suite; its texts are plain words, which need no quotes."""
    return f"[{', '.join(value)}]" if isinstance(value, list) else value


def suite():
    """The suite as YAML."""
    rows = ([f"{key}: {in_yaml(value)}" for key, value in row.items()] for row in world.prompts(random.Random(11)))
    return SUITE_HEAD.format(system=world.AGENT) + "".join("  - " + "\n    ".join(row) + "\n" for row in rows)


def main(demo, folder):
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer().save(str(folder / "tokenizer.json"), pretty=False)
    (folder / "tokenizer_config.json").write_text(json.dumps(CONFIG, indent=1))
    for name in ("data", "suite"):
        (demo / name).mkdir(parents=True, exist_ok=True)
    make_rows.write(demo / "data", ROWS, world.DOMAIN_SHARE)
    (demo / "suite" / "demo-27.yaml").write_text(suite())


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
