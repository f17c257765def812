"""mlx_lm's own server, but every answer comes back as the text that the model wrote.

usage: python serve.py ARGS...      (the arguments of `python -m mlx_lm server`)

With a chat template that names tools, mlx_lm parses tool calls out of an answer. A call that is cut or written in
another format than the template's is then lost, or the connection drops, and a right answer would score 0. So no tool
parser is loaded here, whatever the template, the tokenizer's config or the model's defaults say. The served folder is
not touched.

PHASEBOX_PROMPT_DATE in the environment is the date (2026-11-28) that chat templates see. Without it they see today's
date, and the same request is another prompt tomorrow.
"""

import os
import sys

import chat_prompts
from mlx_lm import server


def main():
    chat_prompts.without_tool_parser()
    date = os.environ.get(chat_prompts.DATE_VARIABLE)
    if date:
        chat_prompts.fix_date(date)
    sys.argv[0] = "mlx_lm server"
    server.main()


if __name__ == "__main__":
    main()
