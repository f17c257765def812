"""Does in a minute or two what a training does first, and reports what it found: memory, speed, or why it would fail.

usage: python rehearse.py -c FILE [--memory-limit BYTES] [--needs-valid] [--seconds 20] [--scratch DIR] [ARGS...]

FILE and ARGS are those of `mlx_lm lora`. The model is loaded, all rows are tokenized, two steps of the optimizer are taken
on the longest batch and some on usual ones, two validation batches are measured, and the adapter is saved into a temporary
folder in DIR, loaded and removed. mlx_lm's own functions do all of it.

Prints one JSON object with these keys. A value is null when the rehearsal did not come so far.
    verdict     fits, tight (from 90 % of the limit on), does_not_fit; null without a limit
    memory      {"peak_bytes", "limit_bytes", "recommended_bytes"}: the limit that was used, and what the device recommends
    model       {"layers", "max_positions"}
    trainable   {"parameters", "total", "share"}: counted as mlx_lm prints them; share is 0-1
    longest     {"rows", "tokens", "padded", "lines"}: the longest batch that mlx_lm forms; lines of train.jsonl from 1
    iterations  {"epoch", "asked"}
    validation  {"batches"}: of each validation; 0 without validation rows
    speed       {"tokens_per_second", "steps", "iterations"}: taught tokens; how many usual steps and iterations were timed
    seconds     {"load", "tokenize", "validation_batch", "validation_longest", "iteration", "iteration_longest", "save",
                "load_adapter", "total"}; `iteration` is the mean over all batches, estimated from the timed ones
    warnings    sentences
    error       null, or {"cause", "kind", "message", "remedy"}: `cause` is a stable word (rehearse_causes.py), `kind` is a
                code of src/core/errors.ts

Exit code 0 also with an error whose cause is known: the training would fail. Exit code 3 with the cause `unknown`: the
rehearsal failed, and the training may work. Every other code means that this program did not come to a result. Progress
and tracebacks go to stderr.
"""

import argparse
import contextlib
import json
import os
import signal
import sys
import tempfile
import time
import traceback

os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")

import rehearse_causes  # noqa: E402

UNKNOWN = 3
SECONDS = ("load", "tokenize", "validation_batch", "validation_longest", "iteration", "iteration_longest")
SECONDS += ("save", "load_adapter")
PARTS = ("model", "trainable", "longest", "iterations", "validation", "speed")


def arguments():
    parser = argparse.ArgumentParser(description="Rehearse a training.", allow_abbrev=False)
    parser.add_argument("-c", "--config", required=True, help="settings as `mlx_lm lora -c` takes them")
    parser.add_argument("--memory-limit", type=int, metavar="BYTES", help="default: what the device recommends")
    parser.add_argument("--needs-valid", action="store_true", help="a training without validation rows is an error")
    parser.add_argument("--seconds", type=float, default=20, help="at most, for the iterations on usual batches")
    parser.add_argument("--scratch", metavar="DIR", help="folder for the throw-away adapter")
    return parser.parse_known_args()


@contextlib.contextmanager
def stdout_for_result():
    """Whatever mlx_lm and its libraries print goes to stderr; gives the real stdout."""
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as out:
        sys.stdout.flush()
        os.dup2(2, 1)
        yield out


def stop(number, _frame):
    """A signal ends the program as an exception, so that the temporary folder is removed."""
    sys.exit(128 + number)


def unknown(message):
    remedy = "The rehearsal failed for a reason that it does not know, so the training may still work."
    return rehearse_causes.Found("unknown", "TOOL_FAILED", message, remedy)


def rehearse(options, argv, folder):
    """(what was found until the end or the error, error or None)."""
    rehearsal, error = None, None
    try:
        from rehearse_training import Rehearsal

        rehearsal = Rehearsal(options, folder)
        rehearsal.start(["-c", options.config, *argv])
    except SystemExit as ended:
        if isinstance(ended.code, int):
            raise
        error = unknown(str(ended.code))
    except Exception as failure:
        traceback.print_exc()
        place = rehearsal.place if rehearsal else "import"
        error = rehearse_causes.cause_of(failure, place) or unknown(rehearse_causes.text_of(failure))
    return found(rehearsal, error), error


def found(rehearsal, error):
    """The report, with the verdict. Before an iteration on the longest batch, the peak says nothing about the training."""
    if rehearsal is None:
        return {"verdict": None, "memory": None, "seconds": {}, "warnings": []}
    memory, verdict = rehearsal.memory, None
    if error is not None and error.cause == "out_of_memory":
        verdict = "does_not_fit"
    elif "iteration_longest" in rehearsal.seconds:
        verdict = memory.verdict()
    return {**rehearsal.report, "verdict": verdict, "memory": memory.report()}


def result(report, error, seconds):
    """The object to print: all keys are always there."""
    parts = {name: report.get(name) for name in ("verdict", "memory", *PARTS)}
    times = {name: report["seconds"].get(name) for name in SECONDS}
    wrong = error and {name: getattr(error, name) for name in ("cause", "kind", "message", "remedy")}
    times = {**times, "total": seconds}
    return {"version": 1, **parts, "seconds": times, "warnings": report["warnings"], "error": wrong}


def exit_code(error):
    return UNKNOWN if error is not None and error.cause == "unknown" else 0


def main():
    options, argv = arguments()
    start = time.monotonic()
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, stop)
    with stdout_for_result() as out:
        with tempfile.TemporaryDirectory(prefix="phasebox-rehearsal-", dir=options.scratch) as folder:
            report, error = rehearse(options, argv, folder)
        json.dump(result(report, error, time.monotonic() - start), out)
        out.write("\n")
    return exit_code(error)


if __name__ == "__main__":
    sys.exit(main())
