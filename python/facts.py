"""Prints what phasebox needs to know about a Python with mlx_lm, as one JSON line, in well under 150 ms.

usage: python facts.py
    {"python": "/path/of/this/python", "versions": {"python", "mlx", "mlx_lm", "transformers"}, "defaults": {...},
     "model_types": {"modules": [...], "remapping": {...}, "architectures": [[type, architecture, module], ...],
                     "asks": true},
     "schedules": [...], "row_features": {...},
     "folders": ["/path/of/site-packages"],
     "here": {"version", "implementation", "system", "machine", "bits", "translated", "glibc"}}

`folders` is where the packages are installed: an update changes them.
`defaults` is mlx_lm's own table of training settings (CONFIG_DEFAULTS): the keys that `train:` may have.
`model_types` is what mlx_lm can load: its modules, the names that it reads as others, and whether it asks for
`trust_remote_code` before it runs a model's own code. `schedules` are the names that `lr_schedule` may have;
`row_features` are settings that `defaults` lacks. Both are null when the source does not say it. `here` decides whether
mlx can be installed in this Python at all.
Exit code 3: this Python has no mlx_lm. stderr then ends with such a line of `python` and `here` alone. Nothing of
mlx_lm is imported unless its source cannot be read.

This file runs on Python 2.7 and later: an old Python has to start it in order to report that it is too old.
"""

import json
import os
import platform
import struct
import subprocess
import sys


def is_translated():
    """True in a process that macOS runs under Rosetta: an Intel program on Apple silicon."""
    try:
        answer = subprocess.check_output(["/usr/sbin/sysctl", "-n", "sysctl.proc_translated"], stderr=subprocess.STDOUT)
    except (OSError, subprocess.CalledProcessError):
        return False  # an Intel Mac does not have the name
    return answer.strip() == b"1"


def glibc():
    """The version of the C library; None if it is another one (musl) or the system is not Linux."""
    try:
        return os.confstr("CS_GNU_LIBC_VERSION").split()[-1]
    except (ValueError, OSError, AttributeError):
        return None


def this_python():
    """What decides whether there is an mlx for this Python."""
    system, machine = platform.system(), platform.machine()
    return {
        "version": platform.python_version(),
        "implementation": platform.python_implementation(),
        "system": system,
        "machine": machine,
        "bits": 8 * struct.calcsize("P"),
        "translated": system == "Darwin" and machine == "x86_64" and is_translated(),
        "glibc": glibc(),
    }


def find_package():
    """Where mlx_lm is installed; None when it is not, or when this Python is too old to be asked."""
    try:
        import importlib.metadata  # noqa: F401 (Python 3.8)
        from importlib.util import find_spec
    except ImportError:
        return None
    package = find_spec("mlx_lm")
    return None if package is None or package.origin is None else package


def installed(package):
    """The version of an installed package; None when it is not there."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return None


def package_folders():
    """The folders that pip installed the packages into; it adds and removes names there when it updates one."""
    from importlib.metadata import PackageNotFoundError, distribution

    folders = set()
    for package in ("mlx", "mlx-lm", "transformers"):
        try:
            folders.add(str(distribution(package).locate_file("")))
        except PackageNotFoundError:
            pass
    return sorted(folders)


def main():
    facts = {"python": sys.executable, "here": this_python()}
    package = find_package()
    if package is None:
        sys.stderr.write("mlx_lm is not installed in %s.\n%s\n" % (sys.executable, json.dumps(facts)))
        return 3
    versions = {"python": platform.python_version(), "mlx": installed("mlx"), "mlx_lm": installed("mlx-lm")}
    versions["transformers"] = installed("transformers")
    import mlx_source  # not for an old Python
    from pathlib import Path

    folder = Path(package.origin).parent
    facts.update(defaults=mlx_source.training_defaults(folder), model_types=mlx_source.model_types(folder))
    facts.update(schedules=mlx_source.schedules(folder), row_features=mlx_source.row_features(folder))
    facts.update(folders=package_folders())
    print(json.dumps(dict(facts, versions=versions)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
