"""What a state belongs to: the settings, the rows, the base model, and the versions of mlx and mlx_lm."""

import copy
import hashlib
import json
import threading
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

# Where things lie, and what only reports. Model, rows and start adapter are identified by their content.
NOT_COMPARED = {
    *("config", "model", "data", "adapter_path", "resume_adapter_file"),
    *("report_to", "project_name", "test", "test_batches", "trust_remote_code"),
}
# The files that decide how a model computes and how it reads text. A changed README changes nothing.
MODEL_SUFFIXES = {".safetensors", ".json", ".jinja", ".py", ".model", ".tiktoken", ".txt"}
PACKAGES = {"mlx": "mlx", "mlx_lm": "mlx-lm"}
CHUNK = 1 << 20


def canonical(value):
    return json.dumps(value, sort_keys=True, default=str)


def compared_settings(args, stop_rules):
    """The settings that decide the result of a training, as JSON can hold them."""
    settings = {key: value for key, value in vars(args).items() if key not in NOT_COMPARED}
    return json.loads(canonical(copy.deepcopy({**settings, "stop": stop_rules})))


def versions():
    found = {}
    for name, package in PACKAGES.items():
        try:
            found[name] = version(package)
        except PackageNotFoundError:
            found[name] = None
    return found


def hash_rows(*datasets):
    """SHA-256 of the rows that mlx_lm has read, in their order."""
    hasher = hashlib.sha256()
    for rows in datasets:
        hasher.update(f"{len(rows)}\n".encode())
        for index in range(len(rows)):
            hasher.update(f"{canonical(rows[index])}\n".encode())
    return hasher.hexdigest()


def hash_files(paths):
    hasher = hashlib.sha256()
    for path in paths:
        hasher.update(f"{path.name}\n{path.stat().st_size}\n".encode())
        with path.open("rb") as file:
            while chunk := file.read(CHUNK):
                hasher.update(chunk)
    return hasher.hexdigest()


def model_folder(model):
    """The folder of a model that is given as a folder or as a name on the hub and has been loaded."""
    if Path(model).is_dir():
        return Path(model)
    from huggingface_hub import snapshot_download

    return Path(snapshot_download(model, local_files_only=True))


def model_files(model, start_adapter):
    found = [path for path in sorted(model_folder(model).iterdir()) if path.suffix in MODEL_SUFFIXES and path.is_file()]
    return found if start_adapter is None else [*found, Path(start_adapter)]


class ModelHash:
    """SHA-256 of a base model, computed while mlx loads the model: reading 17 GB takes seconds. hashlib frees the GIL."""

    def __init__(self, model, start_adapter):
        self._value = None
        self._error = None
        self._thread = threading.Thread(target=self._work, args=(model, start_adapter), daemon=True)
        self._thread.start()

    def _work(self, model, start_adapter):
        try:
            self._value = hash_files(model_files(model, start_adapter))
        except Exception as error:  # raised again where the hash is needed
            self._error = error

    def value(self):
        """Waits for the hash. Raises what went wrong."""
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self._value


def identity_of(settings, rows, model):
    """The identity of a training, and one hash over all of it."""
    parts = {"settings": settings, "data": rows, "model": model, **versions()}
    return {**parts, "hash": hashlib.sha256(canonical(parts).encode()).hexdigest()}


def differences(saved, current):
    """What differs, one phrase each; nothing if the identities are the same."""
    if saved.get("hash") == current["hash"]:
        return []
    settings = saved.get("settings", {})
    found = [
        f"the setting {key} ({canonical(settings.get(key))} in the state, {canonical(current['settings'].get(key))} now)"
        for key in sorted({*settings, *current["settings"]})
        if settings.get(key) != current["settings"].get(key)
    ]
    found += [f"the {name}" for name in ("data", "model") if saved.get(name) != current[name]]
    found += [f"{name} ({saved.get(name)}, {current[name]} now)" for name in PACKAGES if saved.get(name) != current[name]]
    return found or ["the identity"]
