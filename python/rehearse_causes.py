"""Why a training would fail, as a stable word, with what to do about it.

`kind` is a code of src/core/errors.ts. The patterns for errors of mlx and mlx_lm are the ones that src/core/mlx/symptoms.ts
uses for the log of a real training, so that the evening and the night name the same error in the same way.
"""

import re
import traceback
from dataclasses import dataclass

UPDATE = "python -m pip install --upgrade mlx-lm"
FETCH = "Copy the file again, or fetch the model again."
LESS_MEMORY = "Use a smaller batch_size or max_seq_length, or grad_checkpoint: true."
ROWS = "Correct or remove these rows."


@dataclass
class Found(Exception):
    """A known reason why the training would fail."""

    cause: str
    kind: str
    message: str
    remedy: str

    def __str__(self):
        return self.message


@dataclass(frozen=True)
class Rule:
    """An error is of this cause when its text matches and it was raised in one of `places` (anywhere if empty)."""

    cause: str
    kind: str
    pattern: str
    remedy: str
    places: tuple = ()


MEMORY = (
    r"(?i)\[metal::malloc\]|\[malloc(_or_wait)?\]|bad_alloc|MemoryError|CallbackErrorOutOfMemory|Insufficient Memory"
    r"|Cannot allocate memory|failed: out of memory|CUDA( error)?:? out of memory|CUBLAS_STATUS_ALLOC_FAILED"
)
SETTING = r"^(KeyError|TypeError|ValueError|AttributeError|IndexError)\b"

# The first rule that matches decides. BUFFER_LIMIT comes before memory, since both name metal::malloc.
RULES = (
    Rule(
        "disk_full",
        "DISK_FULL",
        r"No space left on device|Disk quota exceeded|\[Errno (28|122)\]|\[write\] Unable to write",
        "Free some disk space (`phasebox gc` shows what can be deleted).",
    ),
    Rule(
        "buffer_limit",
        "BUFFER_LIMIT",
        r"\[metal::malloc\] Resource limit \(\d+\) exceeded",
        f"This is not a lack of memory. Update mlx and mlx-lm: {UPDATE}.",
    ),
    Rule("out_of_memory", "OUT_OF_MEMORY", MEMORY, LESS_MEMORY),
    Rule(
        "first_backward",
        "ENVIRONMENT",
        r"Cannot calculate VJP with respect to indices",
        f"This mlx-lm cannot train a mixture of experts with this mlx. Update mlx-lm: {UPDATE}.",
    ),
    Rule(
        "first_backward",
        "ENVIRONMENT",
        r"(?i)\bvjp\b|gradient.*not (implemented|supported)",
        f"This mlx-lm cannot train this model. Update mlx-lm: {UPDATE}. If that does not help, use another model.",
        ("train",),
    ),
    Rule(
        "unsupported_model",
        "ENVIRONMENT",
        r"Model type \S+ not supported",
        f"This mlx-lm does not know the model. A newer one may: {UPDATE}.",
        ("load",),
    ),
    Rule(
        "remote_code",
        "BAD_SETTINGS",
        r"trust_remote_code|custom module",
        "Read the model's code. If you trust it, set trust_remote_code: true.",
        ("load", "load_adapter"),
    ),
    Rule(
        "model_weights",
        "BAD_MODEL",
        r"Missing \d+ parameters|Received \d+ parameters not in model|Expected shape",
        "The weights are not those that config.json describes: a shard is missing, or files of two models are mixed. "
        "Fetch the model again.",
        ("load",),
    ),
    Rule(
        "missing_package",
        "ENVIRONMENT",
        r"ModuleNotFoundError|ImportError|Library not loaded:|has no attribute '__module__'",
        "Install the package that the message names for the Python that phasebox uses. `phasebox doctor` shows which.",
        ("import", "load"),
    ),
    Rule("model_damaged", "BAD_MODEL", r"\[load_safetensors\]|SafetensorError|JSONDecodeError", FETCH, ("load",)),
    Rule(
        "model_missing",
        "BAD_MODEL",
        r"No safetensors found|FileNotFoundError|RepositoryNotFound|LocalEntryNotFound|OfflineMode|HFValidationError"
        r"|GatedRepo|ConnectionError|ConnectError|IncompleteSnapshot",
        "Correct `model`, or fetch the model before the night.",
        ("load",),
    ),
    Rule(
        "mask_prompt_on_text",
        "BAD_SETTINGS",
        r"Prompt masking not supported for text",
        "Remove mask_prompt, or write the rows as prompt and completion.",
        ("data",),
    ),
    Rule(
        "no_train_rows",
        "BAD_DATA",
        r"Training set not found or empty",
        "Correct `data`, or write the rows into train.jsonl.",
        ("data",),
    ),
    Rule(
        "no_test_rows",
        "BAD_DATA",
        r"Test set not found or empty",
        "Write test.jsonl, or remove `test`.",
        ("data",),
    ),
    Rule(
        "bad_rows",
        "BAD_DATA",
        r"Unsupported data format|JSONDecodeError|UnicodeDecodeError|Not found Hugging Face dataset|DatasetNotFound",
        ROWS,
        ("data",),
    ),
    Rule(
        "too_few_rows",
        "BAD_DATA",
        r"must have at least batch_size",
        "Use a smaller batch_size, or more rows.",
    ),
    Rule(
        "num_layers",
        "BAD_SETTINGS",
        r"Requested to train -?\d+ layers but the model only has",
        "Set num_layers to at most the number of layers of the model, or to -1 for all of them.",
    ),
    Rule(
        "fine_tune_type",
        "BAD_SETTINGS",
        r"unknown fine-tune-type|doesn't support DoRA",
        "Set fine_tune_type to lora.",
    ),
    Rule(
        "lora_keys",
        "BAD_SETTINGS",
        r"Can't convert layer of type",
        "Name only linear layers in lora_parameters.keys, or remove the key.",
    ),
    Rule(
        "lora_parameters",
        "BAD_SETTINGS",
        SETTING,
        "lora_parameters needs rank, scale and dropout.",
        ("lora",),
    ),
    Rule(
        "resume_adapter",
        "BAD_SETTINGS",
        r"\[load_safetensors\]|\[load\]|FileNotFoundError|Module does not have|Expected shape",
        "Name an adapter that was trained with this model, these num_layers and these lora_parameters.",
        ("lora",),
    ),
    Rule(
        "optimizer",
        "BAD_SETTINGS",
        r"Unsupported optimizer",
        "Set optimizer to adam, adamw, muon, sgd or adafactor.",
    ),
    Rule(
        "lr_schedule",
        "BAD_SETTINGS",
        SETTING,
        "Correct lr_schedule: it needs the name of a schedule of mlx and its arguments.",
        ("schedule",),
    ),
    Rule(
        "optimizer_config",
        "BAD_SETTINGS",
        SETTING,
        "Correct optimizer_config, learning_rate or another setting of the optimizer.",
        ("optimizer",),
    ),
    Rule(
        "settings",
        "BAD_SETTINGS",
        r"ScannerError|ParserError|ConstructorError|ComposerError|at least 1\b|is not iterable|has no attribute 'items'",
        "Correct the settings of the training.",
        ("settings", "train"),
    ),
)


def text_of(error):
    """The last block of a traceback: the type of the error and its whole message."""
    return "".join(traceback.format_exception_only(error)).strip()


def cause_of(error, place):
    """The reason behind an exception that mlx_lm raised at `place`, as Found. None if it is not known."""
    if isinstance(error, Found):
        return error
    text = text_of(error)
    for rule in RULES:
        if (not rule.places or place in rule.places) and re.search(rule.pattern, text):
            return Found(rule.cause, rule.kind, text, rule.remedy)
    return None
