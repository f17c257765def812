"""Finds missing and cut files of a model before mlx_lm loads it, and what its config.json says."""

import json
import struct
from pathlib import Path

from rehearse_causes import FETCH, Found

TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json", "*.tiktoken", "vocab.txt")
LONGEST_HEADER = 100 << 20  # bytes; no header of a real file is longer


def is_whole(path):
    """Whether a .safetensors file is as long as its header says."""
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(8)
        if len(start) < 8:
            return False
        length = struct.unpack("<Q", start)[0]
        if length > min(size - 8, LONGEST_HEADER):
            return False
        try:
            header = json.loads(file.read(length))
            ends = [tensor["data_offsets"][1] for name, tensor in header.items() if name != "__metadata__"]
        except (ValueError, TypeError, KeyError, AttributeError):
            return False
    return size >= 8 + length + max(ends, default=0)


def missing(message):
    return Found("model_missing", "BAD_MODEL", message, "Copy the missing file there, or fetch the model again.")


def read_json(path):
    """A JSON object of the model. Found if the file is something else."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Found("model_damaged", "BAD_MODEL", f"{path}: {error}", FETCH) from error
    if not isinstance(value, dict):
        raise Found("model_damaged", "BAD_MODEL", f"{path} has no JSON object", FETCH)
    return value


def check_files(model):
    """Raises Found for the first file of the model's folder that is missing or cut. The name of a model of the Hub passes."""
    folder = Path(model)
    if not folder.is_dir():
        if folder.is_absolute() or model.startswith("."):
            raise missing(f"{folder}: there is no such folder")
        return
    if not (folder / "config.json").is_file():
        raise missing(f"{folder}: there is no config.json in it")
    read_json(folder / "config.json")
    check_shards(folder)
    if not any(found for pattern in TOKENIZERS for found in folder.glob(pattern)):
        raise missing(f"{folder}: there is no tokenizer in it (tokenizer.json or tokenizer.model)")


def check_shards(folder):
    index = folder / "model.safetensors.index.json"
    listed = set()
    if index.is_file():
        shards = read_json(index).get("weight_map")
        listed = set(shards.values()) if isinstance(shards, dict) else set()
    absent = sorted(name for name in listed if not (folder / name).is_file())
    if absent:
        names = ", ".join(absent[:3])
        text = f"{folder}: {len(absent)} of {len(listed)} files with weights are missing: {names}"
        raise Found("shard_missing", "BAD_MODEL", text, "Fetch the model again, so that all its files are there.")
    files = sorted(folder.glob("model*.safetensors"))
    if not files:
        raise missing(f"{folder}: there are no weights in it (model*.safetensors)")
    for file in files:
        if not is_whole(file):
            text = f"{file} is cut off, or is not a safetensors file: it has {file.stat().st_size} bytes"
            raise Found("shard_cut", "BAD_MODEL", text, FETCH)


def max_positions(model):
    """How many positions the model was made for, by its config.json. None if it does not say."""
    file = Path(model, "config.json")
    config = read_json(file) if file.is_file() else {}
    inner = config.get("text_config")
    for part in (config, inner if isinstance(inner, dict) else {}):
        if isinstance(part.get("max_position_embeddings"), int):
            return part["max_position_embeddings"]
    return None
