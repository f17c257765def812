"""Measures the loss of saved checkpoints on all rows of valid.jsonl, as mlx_lm's own training evaluates it.

usage: python val_loss.py --model DIR --data DIR --adapter DIR --out FILE.jsonl --checkpoint ITERATION=NAME ...
       [--mask-prompt] [--max-seq-length N] [--batch-size N] [--trust-remote-code]
       [--chat-key messages] [--prompt-key prompt] [--completion-key completion] [--text-key text]

The base is loaded once, with the adapter's layers. Then the weights of one checkpoint after the other are loaded. One
line per checkpoint is appended to FILE.jsonl: {"iteration", "loss", "tokens", "rows", "left_out"}. `loss` is null if it
is not a number, and `left_out` counts rows of whose answer max_seq_length leaves nothing. NAME is a file with weights in
the folder --adapter. Checkpoints that are already in the file are not measured again.
"""

import argparse
import inspect
import json
import math
import sys
import time
from pathlib import Path

import alive
import data_rows
import data_tokens

TELL_SECONDS = 1


def read_rows(path, keys):
    """The rows of a data file (dicts of one kind); SystemExit when mlx_lm could not read them all."""
    _, rows, problems = data_rows.read_rows(Path(path), keys)
    if problems:
        raise SystemExit("\n".join(f"{path}:{line}: {problem}" for line, problem in problems[:20]))
    return [row for _, row in rows]


def tokenized(tokenizer, rows, keys, mask_prompt):
    """(tokens, offset) of each row through mlx_lm's own dataset classes."""
    data = data_tokens.dataset(rows, tokenizer, keys, mask_prompt)
    items = []
    for index in range(len(data)):
        alive.beat()
        items.append(data.process(data[index]))
    return items


def groups(items, size):
    """Batches as mlx_lm makes them, and the rest that it would drop as one smaller batch: (items, batch size)."""
    whole = len(items) // size * size
    ordered = sorted(items, key=lambda item: len(item[0]))
    return [(part, min(size, len(part))) for part in (ordered[:whole], ordered[whole:]) if part]


def mean_loss(model, items, max_seq_length, batch_size=1, tell=lambda rows: None):
    """Mean loss per token over `items` (tokens, offset): mlx_lm's own loss on mlx_lm's own batches, every row in one.

    Returns {"loss", "tokens", "rows", "left_out"}. A row with no token to learn would make its batch NaN: left out.
    """
    from mlx_lm.tuner.trainer import default_loss, iterate_batches

    model.eval()
    used = [item for item in items if data_tokens.targets([(0, len(item[0]), item[1])], max_seq_length) > 0]
    losses, counts, rows = [], [], 0
    for part, size in groups(used, batch_size):
        for batch, lengths in iterate_batches(part, size, max_seq_length):
            loss, tokens = (value.item() for value in default_loss(model, batch, lengths))
            alive.beat()
            losses.append(loss * tokens)
            counts.append(tokens)
            rows += size
            tell(rows)
    # fsum: mlx_lm takes the batches in a random order, and the sum must not depend on it.
    loss = math.fsum(losses) / sum(counts) if counts else math.nan
    return {"loss": loss, "tokens": sum(counts), "rows": rows, "left_out": len(items) - len(used)}


def load_base(model, trust_remote_code=False):
    """mlx_lm.load; the parameter for foreign code of the model is new in 0.32."""
    from mlx_lm import load

    known = inspect.signature(load).parameters
    more = {"trust_remote_code": True} if trust_remote_code and "trust_remote_code" in known else {}
    return load(model, tokenizer_config={"trust_remote_code": trust_remote_code}, **more)


def load_layers(model, adapter):
    """Puts the layers of an adapter into the model, with the weights of `adapters.safetensors`; their names."""
    import mlx.core as mx
    from mlx_lm.tuner.utils import load_adapters

    load_adapters(model, adapter)
    return set(mx.load(str(Path(adapter, "adapters.safetensors"))))


def swap(model, file, names):
    """The weights of one checkpoint. mlx_lm ignores names that it does not know, which would give another model."""
    import mlx.core as mx

    weights = mx.load(str(file))
    if set(weights) != names:
        odd = ", ".join(sorted(set(weights) ^ names)[:3])
        raise SystemExit(f"{file} does not have the weights of this adapter: {odd}")
    model.load_weights(list(weights.items()), strict=False)


def measured(path):
    """Iterations that the file has; a line that was torn by a crash is removed."""
    text = path.read_text() if path.exists() else ""
    whole = text[: text.rfind("\n") + 1]
    if whole != text:
        path.write_text(whole)
    return {json.loads(line)["iteration"] for line in whole.splitlines()}


def teller(head, of):
    """Says how many rows are done, at most once a second and at the end."""
    last = time.monotonic()

    def tell(rows):
        nonlocal last
        if rows == of or time.monotonic() - last >= TELL_SECONDS:
            last = time.monotonic()
            print(f"{head}: {rows} of {of} rows", flush=True)

    return tell


def arguments():
    parser = argparse.ArgumentParser(description="Measure checkpoints on all rows of valid.jsonl.")
    for name in ("model", "data", "adapter", "out"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--checkpoint", action="append", required=True, metavar="ITERATION=NAME")
    parser.add_argument("--max-seq-length", type=int, default=2048)
    parser.add_argument("--batch-size", type=int, default=1)
    data_rows.add_key_arguments(parser)
    for name in ("mask-prompt", "trust-remote-code"):
        parser.add_argument(f"--{name}", action="store_true")
    return parser.parse_args()


def main():
    args = arguments()
    pairs = [one.partition("=") for one in args.checkpoint]
    checkpoints = [(int(iteration), Path(args.adapter, name)) for iteration, _, name in pairs]
    out = Path(args.out)
    out.parent.mkdir(parents=True, exist_ok=True)
    done = measured(out)
    keys = data_rows.keys_of(args)
    rows = read_rows(Path(args.data, "valid.jsonl"), keys)
    if all(iteration in done for iteration, _ in checkpoints):
        return 0
    model, tokenizer = load_base(args.model, args.trust_remote_code)
    names = load_layers(model, args.adapter)
    items = tokenized(tokenizer, rows, keys, args.mask_prompt)
    for nth, (iteration, file) in enumerate(checkpoints, 1):
        if iteration in done:
            continue
        head = f"checkpoint {iteration} ({nth} of {len(checkpoints)})"
        swap(model, file, names)
        result = mean_loss(model, items, args.max_seq_length, args.batch_size, teller(head, len(items)))
        if result["rows"] == 0:
            raise SystemExit(f"no row of valid.jsonl has an answer within max_seq_length {args.max_seq_length}")
        loss = result["loss"] if math.isfinite(result["loss"]) else None
        with out.open("a") as sink:
            print(json.dumps({"iteration": iteration, **result, "loss": loss}), file=sink, flush=True)
        print(f"{head}: loss {loss} on {result['rows']} rows, {result['tokens']} tokens", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
