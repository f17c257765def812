"""Prints what phasebox wants to know about a Python with mlx_lm, as one JSON line, in well under 150 ms.

usage: python facts.py
    {"python": "/path/of/this/python", "versions": {"python", "mlx", "mlx_lm", "transformers"}, "defaults": {...}}

`defaults` is mlx_lm's own table of training settings (CONFIG_DEFAULTS): the keys that `train:` may have.
Exit code 3: this Python has no mlx_lm. Nothing of mlx_lm is imported unless its source cannot be read.
"""

import ast
import importlib
import importlib.metadata
import importlib.util
import json
import platform
import sys
from pathlib import Path

TABLE = "CONFIG_DEFAULTS"


def installed(package):
    """The version of an installed package; None when it is not there."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def table_in_source(text):
    """The literal that `TABLE = {...}` assigns; None when it is no plain literal."""
    for node in ast.parse(text).body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if any(isinstance(target, ast.Name) and target.id == TABLE for target in targets):
            try:
                return ast.literal_eval(node.value)
            except ValueError:
                return None
    return None


def training_defaults(package):
    """CONFIG_DEFAULTS of mlx_lm/lora.py. Importing it takes seconds, so it is read from the source."""
    source = Path(package.origin).with_name("lora.py")
    defaults = table_in_source(source.read_text(encoding="utf-8")) if source.exists() else None
    return defaults if defaults is not None else getattr(importlib.import_module("mlx_lm.lora"), TABLE)


def main():
    package = importlib.util.find_spec("mlx_lm")
    if package is None or package.origin is None:
        print(f"mlx_lm is not installed in {sys.executable}.", file=sys.stderr)
        return 3
    versions = {"python": platform.python_version(), "mlx": installed("mlx"), "mlx_lm": installed("mlx-lm")}
    versions["transformers"] = installed("transformers")
    print(json.dumps({"python": sys.executable, "versions": versions, "defaults": training_defaults(package)}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
