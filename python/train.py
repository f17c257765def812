"""mlx_lm's own LoRA training, which can be paused and resumed exactly, and which reports what it does as JSON lines.

usage: python train.py -c FILE [options] [other arguments of `mlx_lm lora`]

FILE is what `mlx_lm lora -c` takes. Without options the adapter has the same bytes as that of `mlx_lm lora -c FILE`.

A training that was killed resumes from its newest state with --resume: it has the same rows, learning rates and
optimizer state as without the interruption. On a CPU the adapter then has the same bytes. If --pause-file names a file
that exists, the training saves a state after the current iteration and ends. That is a file and not a signal because a
signal that arrives before Python has set its handler kills the process, and because only the wrapper around this
process knows its id.

Exit codes: 0 the training is done, or stopped early; 10 paused; 11 above the memory limit; 12 the state belongs to
another training or was written by a newer phasebox; 2 wrong options. mlx_lm has its own codes.

Events of --progress, one JSON line each: start, beat, trainable, resumed, damaged_state, report, validation, state,
state_failed, stopped, paused, memory, refused, fallback, end.
"""

import argparse
import math
import os
import sys
import time

import train_hooks
import train_identity
from train_loop import Loop, OverLimit, Paused
from train_progress import HookClock, Progress, say
from train_state import Refused, listed
from train_stop import EXAMPLE, Stopper

PAUSED = 10
OVER_LIMIT = 11
REFUSED = 12


def whole_number(text):
    if not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number above 0")
    return int(text)


def seconds(text):
    value = float(text)
    if not math.isfinite(value) or value < 0:
        raise argparse.ArgumentTypeError(f"{text} is not a number of seconds")
    return value


def rules(text):
    try:
        return Stopper.from_json(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def parser():
    made = argparse.ArgumentParser(
        description="mlx_lm's LoRA training with exact resume. Other arguments are passed to `mlx_lm lora`.",
        allow_abbrev=False,
    )
    made.add_argument("-c", "--config", required=True, metavar="FILE", help="the YAML file of `mlx_lm lora -c`")
    made.add_argument("--state-dir", metavar="DIR", help="save states here; the newest two are kept")
    made.add_argument("--state-every", type=whole_number, metavar="N", help="iterations between states (save_every)")
    made.add_argument("--state-every-seconds", type=seconds, default=600, metavar="S", help="at most so long apart (600)")
    made.add_argument("--resume", metavar="DIR", help="continue from the newest whole state in this folder, if any")
    made.add_argument("--progress", metavar="FILE", help="append events as JSON lines")
    made.add_argument("--beat-every", type=seconds, default=5, metavar="S", help="least seconds between two beats (5)")
    made.add_argument("--pause-file", metavar="FILE", help="save a state and end when this file exists")
    made.add_argument("--memory-limit", type=whole_number, metavar="BYTES", help="end when the peak memory is above it")
    made.add_argument("--stop", type=rules, default=Stopper(), metavar="JSON", help=f"stop early, such as {EXAMPLE}")
    return made


def arguments():
    made = parser()
    options, rest = made.parse_known_args()
    if options.pause_file is not None and options.state_dir is None:
        made.error("--pause-file needs --state-dir: a pause saves a state")
    if options.resume is None and options.state_dir is not None and listed(options.state_dir):
        made.error(f"there are states in {options.state_dir}: resume from them with --resume, or remove them")
    return options, rest


def run_plain(options, rest, progress, why):
    """Replaces this process by plain `mlx_lm lora`. Nothing was trained yet."""
    print(
        f"phasebox: warning: the training driver does not fit this version of mlx_lm: {why}. Plain `mlx_lm lora` runs "
        "instead, from iteration 1: no states, no pause, no early stop, no memory limit.",
        file=sys.stderr,
        flush=True,
    )
    progress.event("fallback", why=str(why))
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", "mlx_lm", "lora", "-c", options.config, *rest])


def set_memory_limit(limit):
    import mlx.core as mx

    # A guideline for mlx, which then frees its caches earlier. The driver itself compares the peak with the limit. The
    # limit that mlx chose for the device may be lower, and must not be raised.
    if limit is not None:
        mx.set_memory_limit(min(limit, mx.set_memory_limit(limit)))


def memory_text(error, loop):
    settings = loop.settings
    return (
        f"out of memory: the peak is {error.peak / 1e9:.2f} GB at iteration {loop.current}, and the limit is "
        f"{error.limit / 1e9:.2f} GB. Use less memory: a smaller batch_size (now {settings.batch_size}), a smaller "
        f"max_seq_length (now {settings.max_seq_length}), or grad_checkpoint: true (now "
        f"{str(settings.grad_checkpoint).lower()})."
    )


def run(options, rest, progress, loop):
    """Runs mlx_lm's `lora` with the hooks. Returns the exit code."""
    try:
        hooks = train_hooks.Hooks(loop)
        hooks.install()
        set_memory_limit(options.memory_limit)
        sys.argv = ["mlx_lm lora", "-c", options.config, *rest]
        hooks.lora.main()
    except train_hooks.DoesNotFit as error:
        run_plain(options, rest, progress, error)
    except Paused as pause:
        where = "while it was loading" if pause.iteration is None else f"after iteration {pause.iteration}"
        say(f"the training was paused {where}")
        progress.event("paused", iteration=pause.iteration)
        return PAUSED
    except OverLimit as error:
        print(f"phasebox: {memory_text(error, loop)}", file=sys.stderr, flush=True)
        progress.event("memory", iteration=loop.current, peak_bytes=error.peak, limit_bytes=error.limit)
        return OVER_LIMIT
    except Refused as error:
        print(f"phasebox: {error}. Without --resume the training starts at iteration 1.", file=sys.stderr, flush=True)
        progress.event("refused", why=str(error))
        return REFUSED
    return 0


def main():
    start = time.monotonic()
    options, rest = arguments()
    progress, clock = Progress(options.progress, options.beat_every), HookClock()
    progress.event("start", version=1, process=os.getpid(), **train_identity.versions())
    loop = Loop(options, options.stop, progress, clock)
    code = run(options, rest, progress, loop)
    wall = time.monotonic() - start
    say(clock.summary(wall))
    hooks = {"total": round(clock.total(), 4), **{name: round(value, 4) for name, value in clock.seconds.items()}}
    progress.event("end", code=code, iteration=loop.current, seconds=round(wall, 3), hook_seconds=hooks)
    return code


if __name__ == "__main__":
    sys.exit(main())
