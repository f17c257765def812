"""The states of a training on disk: everything that a training needs to continue exactly.

A state is one .safetensors file, state-ITERATION-CHECKSUM.safetensors. The checksum is the start of the SHA-256 of the
file, so a file that was cut or changed anywhere does not have the checksum of its name and is never used. It holds the
trainable parameters ("model.NAME") and the state of the optimizer ("optimizer.NAME"). Its metadata has the version of
this format ("phasebox_state") and, as JSON ("phasebox"), what is not an array.
"""

import hashlib
import json
import os
import re
from pathlib import Path
from typing import NamedTuple

import durable

FORMAT = 1
# The newest state may be damaged by a power cut or a bad disk, so the one before it stays.
KEPT = 2
PARTIAL = "state.partial"
NAME = re.compile(r"state-(\d{7,})-([0-9a-f]{32})\.safetensors")
CHUNK = 1 << 20


class Refused(Exception):
    """A whole state that must not be used. Its message says why."""


class StateFile(NamedTuple):
    iteration: int
    checksum: str
    path: Path

    def is_whole(self):
        """Whether each byte of the file is as it was written."""
        hasher = hashlib.sha256()
        try:
            with self.path.open("rb") as file:
                while chunk := file.read(CHUNK):
                    hasher.update(chunk)
        except OSError:
            return False
        return hasher.hexdigest().startswith(self.checksum)

    def info(self):
        """What is not an array. Refused if a newer phasebox wrote the file. The file must be whole."""
        with self.path.open("rb") as file:
            header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        metadata = header.get("__metadata__", {})
        version = int(metadata.get("phasebox_state", 0))
        if version != FORMAT:
            raise Refused(f"it has format version {version}, and this phasebox reads version {FORMAT} only")
        return json.loads(metadata["phasebox"])

    def arrays(self):
        """The arrays by name, loaded into memory: the file may be removed afterwards."""
        import mlx.core as mx

        arrays = mx.load(str(self.path))
        mx.eval(arrays)
        return arrays


def listed(folder):
    """The states in a folder, the newest first. They may be damaged."""
    names = os.listdir(folder) if os.path.isdir(folder) else []
    found = [(match, name) for name in names if (match := NAME.fullmatch(name))]
    states = [StateFile(int(match[1]), match[2], Path(folder, name)) for match, name in found]
    return sorted(states, key=lambda state: (-state.iteration, state.path.name))


class HashingFile:
    """A file for mx.save_safetensors that computes the checksum of what is written, so nothing is read again."""

    closed = False

    def __init__(self, file):
        self._file = file
        self.sha256 = hashlib.sha256()
        self.bytes = 0

    def write(self, data):
        self.sha256.update(data)
        self.bytes += len(data)
        self._file.write(data)
        return len(data)

    def tell(self):
        return self.bytes

    def seek(self, *_):
        raise OSError("a state is written from its first byte to its last")

    def flush(self):
        self._file.flush()

    def readable(self):
        return False

    def writable(self):
        return True

    def seekable(self):
        return False


def write(folder, iteration, arrays, info):
    """Writes a state aside and renames it when it is on the disk. Returns (StateFile, bytes). Raises OSError."""
    import mlx.core as mx

    Path(folder).mkdir(parents=True, exist_ok=True)
    partial = Path(folder, PARTIAL)
    try:
        with partial.open("wb") as raw:
            file = HashingFile(raw)
            metadata = {"format": "mlx", "phasebox_state": str(FORMAT), "phasebox": json.dumps(info)}
            mx.save_safetensors(file, arrays, metadata)
            raw.flush()
            durable.sync(raw.fileno())
        checksum = file.sha256.hexdigest()[:32]
        path = Path(folder, f"state-{iteration:07d}-{checksum}.safetensors")
        partial.rename(path)
        durable.sync_path(folder)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    return StateFile(iteration, checksum, path), file.bytes


class StateFolder:
    """The states that a training writes. Only the newest ones stay."""

    def __init__(self, folder, resumed=None):
        self.folder = Path(folder)
        older = [state for state in listed(folder) if resumed is not None and state.iteration < resumed.iteration]
        self._good = [*reversed(older), *([] if resumed is None else [resumed])]

    def save(self, iteration, arrays, info):
        """Adds a state. Returns its size in bytes. Raises OSError if the disk is full."""
        state, size = write(self.folder, iteration, arrays, info)
        self._good = [*self._good, state][-KEPT:]
        for other in listed(self.folder):
            if other not in self._good:
                other.path.unlink(missing_ok=True)
        return size
