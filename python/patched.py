"""Replaces functions of mlx_lm, and refuses a version of mlx_lm that lacks them: every replacement takes effect."""

import sys


def patch(module, todo, **names):
    """Sets functions that mlx_lm calls. SystemExit with `todo` when the installed mlx_lm has none of that name."""
    for name, value in names.items():
        if not hasattr(module, name):
            sys.exit(f"{module.__name__} has no `{name}` in this version of mlx_lm: {todo}")
        setattr(module, name, value)
