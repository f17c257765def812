"""Fuses an adapter into its base model and quantizes the result in one process, with no float16 model on disk.

usage: python fuse_direct.py --model DIR --adapter DIR --out DIR [--q-bits N --q-group-size N] [--trust-remote-code]

The result has the same bytes as `mlx_lm fuse --dequantize` followed by `mlx_lm convert -q`, because both commands of
the installed version run here. Only the model is passed on in memory instead of through a folder. Without --q-bits it
has the same bytes as `mlx_lm fuse --dequantize`. Weights stay lazy until their file is written.
"""

import argparse
import importlib
import sys
import tempfile
import time
from pathlib import Path

from patched import patch

TWO_STEP = "use fuse.mode two_step"


def arguments():
    parser = argparse.ArgumentParser(description="Fuse and quantize in one process.")
    parser.add_argument("--model", required=True, help="folder of the base model")
    parser.add_argument("--adapter", required=True, help="folder with adapters.safetensors and adapter_config.json")
    parser.add_argument("--out", required=True, help="folder to make; it must not exist")
    parser.add_argument("--q-bits", type=int, help="bits per weight; absent: not quantized")
    parser.add_argument("--q-group-size", type=int, default=64)
    parser.add_argument("--trust-remote-code", action="store_true")
    return parser.parse_args()


def problems(args):
    """Everything that is wrong with the arguments, one sentence each."""
    if not Path(args.model, "config.json").is_file():
        yield f"--model {args.model}: there is no config.json in it"
    for name in ("adapters.safetensors", "adapter_config.json"):
        if not Path(args.adapter, name).is_file():
            yield f"--adapter {args.adapter}: there is no {name} in it"
    if Path(args.out).exists():
        yield f"--out {args.out}: it is there already; give a folder that does not exist"


def say(text):
    print(text, flush=True)


def run_command(module, argv):
    """Runs the `main` of one of mlx_lm's commands with these arguments."""
    sys.argv = [module.__name__, *argv]
    module.main()


def lazily(load):
    """mlx_lm.load that leaves the weights on disk until they are needed."""
    return lambda *args, **kwargs: load(*args, **{**kwargs, "lazy": True})


def fuse(args, save):
    """`mlx_lm fuse --dequantize`, its result given to `save`."""
    command = importlib.import_module("mlx_lm.fuse")
    patch(command, TWO_STEP, load=lazily(command.load), save=save)
    argv = ["--model", args.model, "--adapter-path", args.adapter, "--save-path", args.out, "--dequantize"]
    run_command(command, argv + (["--trust-remote-code"] if args.trust_remote_code else []))


def reread(tokenizer, config, folder):
    """Tokenizer and config as `convert` finds them in a folder that `fuse` wrote: saving them changes a few details."""
    from mlx_lm.utils import load_config, load_tokenizer, save_config

    tokenizer.save_pretrained(folder)
    save_config(config, folder / "config.json")
    config = load_config(folder)
    return load_tokenizer(folder, eos_token_ids=config.get("eos_token_id")), config


def quantize(args, fused):
    """`mlx_lm convert -q` on a model in memory. Takes the model out of `fused`, so that nothing else keeps it."""
    command = importlib.import_module("mlx_lm.convert")
    patch(command, TWO_STEP, load=lambda *_, **__: fused.pop())
    argv = ["--hf-path", args.model, "--mlx-path", args.out, "-q", "--q-bits", str(args.q_bits)]
    run_command(command, argv + ["--q-group-size", str(args.q_group_size)])


def fuse_and_quantize(args):
    fused = []
    fuse(args, save=lambda _out, _base, model, tokenizer, config, **_: fused.append((model, tokenizer, config)))
    say(f"Quantizing at {args.q_bits} bits, group size {args.q_group_size}, and writing the model")
    model, tokenizer, config = fused.pop()
    with tempfile.TemporaryDirectory(prefix="phasebox-tokenizer-") as folder:
        tokenizer, config = reread(tokenizer, config, Path(folder))
        fused.append((model, tokenizer, config))
        del model
        quantize(args, fused)


def main():
    args = arguments()
    wrong = list(problems(args))
    if wrong:
        print("\n".join(wrong), file=sys.stderr)
        return 2
    start = time.monotonic()
    say(f"Fusing {args.adapter} into {args.model}")
    if args.q_bits is None:
        from mlx_lm.utils import save

        say("Writing the model unquantized")
        fuse(args, save=save)
    else:
        fuse_and_quantize(args)
    size = sum(file.stat().st_size for file in Path(args.out).iterdir())
    say(f"Made {args.out}: {size / 2**20:.1f} MB in {time.monotonic() - start:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
