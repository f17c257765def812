"""Fetches a model into the Hugging Face cache and prints its folder as the last line.

usage: python download.py --model OWNER/NAME [--revision BRANCH, TAG OR COMMIT] [--keep-free BYTES]

Fetches only the files that mlx_lm itself would fetch. If it fails, it prints a sentence to stderr. The exit code is 1 if
another try would not help, and 75 if it may (network, disk).
"""

import argparse
import errno
import os
import shutil
import sys

# mlx_lm < 0.32 has this list inside a function; newer versions export it.
PATTERNS = (
    *("*.json", "model*.safetensors", "*.py", "tokenizer.model", "*.tiktoken", "tiktoken.model"),
    *("*.txt", "*.jsonl", "*.jinja"),
)
# sysexits.h: a temporary failure.
TRY_AGAIN = 75


class NoSpace(OSError):
    """The model does not fit next to the reserved space."""


def patterns():
    """mlx_lm's own list of the files that make a model."""
    from mlx_lm import utils

    return list(getattr(utils, "DEFAULT_ALLOW_PATTERNS", PATTERNS))


def missing_bytes(model, revision, wanted):
    """Bytes of the needed files that are not in the cache yet. None if the hub reports no sizes."""
    from huggingface_hub import HfApi, try_to_load_from_cache
    from huggingface_hub.utils import filter_repo_objects

    try:
        info = HfApi().model_info(model, revision=revision, files_metadata=True)
    except Exception as error:  # a mirror may lack this call; the download itself reports what is wrong
        print(f"sizes are not known: {error}", flush=True)
        return None
    files = filter_repo_objects(info.siblings or [], allow_patterns=wanted, key=lambda file: file.rfilename)
    return sum(
        file.size or 0
        for file in files
        if not isinstance(try_to_load_from_cache(model, file.rfilename, revision=info.sha), str)
    )


def check_space(needed, keep_free):
    """Raises NoSpace if the files and the reserved space exceed the free space on the cache's disk."""
    from huggingface_hub.constants import HF_HUB_CACHE

    place = HF_HUB_CACHE
    while not os.path.exists(place):
        place = os.path.dirname(place)
    free = shutil.disk_usage(place).free
    print(f"{'unknown' if needed is None else needed} bytes to fetch, {free} bytes free", flush=True)
    if needed != 0 and free < (needed or 0) + keep_free:
        text = f"{needed or 0} bytes to fetch and {keep_free} bytes to stay free, but only {free} bytes free on {place}"
        raise NoSpace(errno.ENOSPC, os.strerror(errno.ENOSPC), text)


def verdict(error):
    """What to do about a failed download and the exit code, by the error's name: the classes moved between versions."""
    names = {kind.__name__ for kind in type(error).__mro__}
    if "GatedRepoError" in names:
        return "Ask for access on its page, then log in with `hf auth login`.", 1
    if "RevisionNotFoundError" in names:
        return "Correct `revision`: a branch, a tag or a commit of this model.", 1
    if "RepositoryNotFoundError" in names or "HFValidationError" in names:
        return "Correct the name (OWNER/NAME); a private model needs `hf auth login`.", 1
    if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
        return "Free some space.", TRY_AGAIN
    if os.environ.get("HF_HUB_OFFLINE", "0").upper() in ("1", "ON", "YES", "TRUE"):
        return "HF_HUB_OFFLINE is set: unset it to download.", 1
    return "Check the network and try again, or copy the model here and give its folder as `model`.", TRY_AGAIN


def main():
    parser = argparse.ArgumentParser(description="Fetch a model into the Hugging Face cache.")
    parser.add_argument("--model", required=True)
    parser.add_argument("--revision")
    parser.add_argument("--keep-free", type=int)
    args = parser.parse_args()
    from huggingface_hub import snapshot_download

    at = f" at {args.revision}" if args.revision else ""
    print(f"Fetching {args.model}{at}", flush=True)
    try:
        wanted = patterns()
        if args.keep_free is not None:
            check_space(missing_bytes(args.model, args.revision, wanted), args.keep_free)
        folder = snapshot_download(args.model, revision=args.revision, allow_patterns=wanted)
    except Exception as error:  # any error of the hub, the network or the disk is reported
        advice, code = verdict(error)
        print(f"{args.model}{at} cannot be fetched: {error}\n{advice}", file=sys.stderr)
        return code
    print(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
