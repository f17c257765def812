"""mlx_lm's own server, but every answer comes back as the text that the model wrote.

usage: python serve.py ARGS...      (the arguments of `python -m mlx_lm server`)

With a chat template that names tools, mlx_lm parses tool calls out of an answer. A call that is cut or written in
another format than the template's is then lost, or the connection drops, and a right answer would score 0. So no tool
parser is loaded here, whatever the template, the tokenizer's config or the model's defaults say. The served folder is
not touched.
"""

import sys

from mlx_lm import server, tokenizer_utils, utils

load_tokenizer = tokenizer_utils.load


def load_without_parser(model_path, tokenizer_config_extra=None, *args, **kwargs):
    """tokenizer_utils.load: settings given here win over tokenizer_config.json and over the model's defaults."""
    extra = {**(tokenizer_config_extra or {}), "tool_parser_type": None}
    tokenizer = load_tokenizer(model_path, extra, *args, **kwargs)
    if tokenizer.has_tool_calling:
        raise RuntimeError("this mlx_lm still parses tool calls: answers would be lost, so nothing is served")
    return tokenizer


def main():
    tokenizer_utils._infer_tool_parser = lambda *_: None
    tokenizer_utils.load = load_without_parser
    utils._load_tokenizer = load_without_parser
    sys.argv[0] = "mlx_lm server"
    server.main()


if __name__ == "__main__":
    main()
