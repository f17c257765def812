"""How mlx_lm's server makes a prompt from a chat request, as phasebox runs it.

serve.py serves with it, and render_prompts.py only renders the prompts. This file has what both must do alike.
"""

import importlib
import pkgutil
from datetime import datetime

from patched import patch

DATE_VARIABLE = "PHASEBOX_PROMPT_DATE"
UPDATE = "install the version that phasebox is tested with (`phasebox doctor`)"


def fixed_clock(moment):
    """A datetime class whose now() is always `moment`, in every time zone."""

    class FixedClock(datetime):
        @classmethod
        def now(cls, tz=None):
            return cls.fromisoformat(moment).replace(tzinfo=tz)

    return FixedClock


def renderers():
    """The modules that fill in chat templates; one that reads the clock has imported `datetime` by name."""
    from transformers.utils import chat_template_utils

    yield chat_template_utils
    try:
        own = importlib.import_module("mlx_lm.chat_templates")
    except ModuleNotFoundError:  # this version has none of its own
        return
    for found in pkgutil.iter_modules(own.__path__, f"{own.__name__}."):
        yield importlib.import_module(found.name)


def fix_date(moment):
    """From now on chat templates see this date (ISO 8601), so a prompt is the same text on every day."""
    for module in renderers():
        if hasattr(module, "datetime"):
            module.datetime = fixed_clock(moment)


def without_tool_parser():
    """From now on no tokenizer loads a tool parser, whatever its files or the model's defaults say."""
    from mlx_lm import tokenizer_utils, utils

    load = tokenizer_utils.load

    def load_without_parser(model_path, tokenizer_config_extra=None, *args, **kwargs):
        # Settings given here take precedence over tokenizer_config.json and over the model's defaults.
        extra = {**(tokenizer_config_extra or {}), "tool_parser_type": None}
        tokenizer = load(model_path, extra, *args, **kwargs)
        if tokenizer.has_tool_calling:
            raise RuntimeError("this mlx_lm still parses tool calls: answers would be lost, so nothing is served")
        return tokenizer

    if hasattr(tokenizer_utils, "_infer_tool_parser"):  # mlx_lm 0.30.0 takes a parser from the tokenizer's config alone
        patch(tokenizer_utils, UPDATE, _infer_tool_parser=lambda *_: None)
    patch(tokenizer_utils, UPDATE, load=load_without_parser)
    patch(utils, UPDATE, _load_tokenizer=load_without_parser)
