"""Facts about mlx_lm and mlx, read from their source, since importing them takes seconds."""

import ast
import importlib
import re


def parsed(path):
    """The statements of a Python file; none when it is not there."""
    return ast.parse(path.read_text(encoding="utf-8")).body if path.exists() else []


def literal(statements, name):
    """The literal that `name = {...}` assigns; None when there is no such line, or it is no plain literal."""
    for node in statements:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if any(isinstance(target, ast.Name) and target.id == name for target in targets):
            try:
                return ast.literal_eval(node.value)
            except ValueError:
                return None
    return None


def training_defaults(folder):
    """CONFIG_DEFAULTS of mlx_lm/lora.py. Importing it takes seconds, so it is read from the source."""
    defaults = literal(parsed(folder / "lora.py"), "CONFIG_DEFAULTS")
    return defaults if defaults is not None else importlib.import_module("mlx_lm.lora").CONFIG_DEFAULTS


def row_features(folder):
    """Training settings that CONFIG_DEFAULTS lacks: the keys of a data row, as {"prompt_feature": "prompt"}."""
    source = folder / "tuner" / "datasets.py"
    text = source.read_text(encoding="utf-8") if source.exists() else ""
    return dict(re.findall(r"""getattr\(config, ["'](\w+_feature)["'], ["'](\w+)["']\)""", text))


def model_types(folder):
    """The modules of mlx_lm/models, and the tables of mlx_lm/utils.py that rename types; None: not known."""
    statements = parsed(folder / "utils.py")
    remapping = literal(statements, "MODEL_REMAPPING")
    modules = sorted(path.stem for path in folder.glob("models/*.py") if path.stem != "__init__")
    if remapping is None or not modules:
        return None
    # A table of mlx_lm >= 0.32: (model type, architecture) -> module.
    architectures = literal(statements, "MODEL_ARCHITECTURE_REMAPPING") or {}
    rows = [[kind, architecture, module] for (kind, architecture), module in architectures.items()]
    return {"modules": modules, "remapping": remapping, "architectures": rows, "asks": asks_before_code(statements)}


def asks_before_code(statements):
    """Whether a model's own Python file is run only with `trust_remote_code`; older versions always run it."""
    loads = [node for node in statements if isinstance(node, ast.FunctionDef) and node.name == "load_model"]
    return any(arg.arg == "trust_remote_code" for node in loads for arg in [*node.args.args, *node.args.kwonlyargs])


def schedules(folder):
    """The learning rate schedules of mlx, which is installed next to mlx_lm. None if they are not known."""
    source = folder.parent / "mlx" / "optimizers" / "schedulers.py"
    if not source.exists():
        return None
    # join_schedules takes functions, which no config can contain.
    names = re.findall(r"^def (\w+)\(", source.read_text(encoding="utf-8"), re.MULTILINE)
    return [name for name in names if name != "join_schedules"]
