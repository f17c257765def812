"""Measures what fusing and quantizing cost an adapter: from the weights, and from the models' answers.

usage: python model_cost.py --base DIR --adapter DIR --final DIR --out FILE
       [--weights adapters.safetensors] [--answers FILE] [--data DIR --max-seq-length N]
       [--chat-key messages] [--prompt-key prompt] [--completion-key completion] [--text-key text]

Writes {"bits": {base, final}, "step", "kept", "snr", "layers"    cost_weights.py
        "top1", "kl", "tokens", "outside"                         cost_answers.py: base + adapter against the final model
        "loss": {base, adapter, final}, "gain_kept", "rows"       answer_loss.py: on all rows of the data's valid.jsonl
        "peak_gb": {weights, adapter, final}, "seconds"}
gain_kept = (loss.base - loss.final) / (loss.base - loss.adapter), null when the training lowered no loss. Without
--answers or --data those figures are null. One model is in memory at a time; for the weights, one layer of two.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

import data_rows

ADAPTER_FILE = "adapters.safetensors"


def arguments():
    parser = argparse.ArgumentParser(description="What fusing and quantizing cost.")
    for name in ("base", "adapter", "final", "out"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--weights", default=ADAPTER_FILE, help="file in --adapter with the adapter's weights")
    parser.add_argument("--answers", help="file of answers, see cost_answers.py")
    parser.add_argument("--data", help="folder with valid.jsonl")
    parser.add_argument("--max-seq-length", type=int, default=2048)
    data_rows.add_key_arguments(parser)
    return parser.parse_args()


def problems(args):
    """Everything that is wrong with the arguments, one sentence each."""
    for name in ("base", "final"):
        folder = getattr(args, name)
        if not Path(folder, "config.json").is_file():
            yield f"--{name} {folder}: there is no config.json in it"
    for name in (args.weights, "adapter_config.json"):
        if not Path(args.adapter, name).is_file():
            yield f"--adapter {args.adapter}: there is no {name} in it"
    if args.answers is not None and not Path(args.answers).is_file():
        yield f"--answers {args.answers}: no such file"


def bits_of(folder):
    """Bits a weight of a quantized model, as its config says; None: not quantized, or not in one number."""
    config = json.loads(Path(folder, "config.json").read_text(encoding="utf-8"))
    found = config.get("quantization") or config.get("quantization_config") or {}
    return found.get("bits")


def say(text):
    print(text, flush=True)


def peak_gb():
    """Peak memory since the last call, in GB; memory that is no longer needed is freed."""
    import mlx.core as mx

    peak = mx.get_peak_memory() / 1e9
    mx.clear_cache()
    mx.reset_peak_memory()
    return peak


def add_adapter(model, args):
    """The model with the adapter on it, by mlx_lm's own loading, which knows the weights by one name only."""
    from mlx_lm.tuner.utils import load_adapters

    with tempfile.TemporaryDirectory(prefix="phasebox-adapter-") as folder:
        for name, target in (("adapter_config.json", "adapter_config.json"), (ADAPTER_FILE, args.weights)):
            Path(folder, name).symlink_to(Path(args.adapter, target).resolve())
        model = load_adapters(model, folder)
    model.eval()
    return model


def load_model(folder, lazy=False):
    """A model without its tokenizer."""
    from mlx_lm import utils

    return utils.load_model(Path(folder), lazy=lazy)[0]


def from_weights(args):
    import cost_weights

    tuned, final = (load_model(folder, lazy=True) for folder in (args.base, args.final))
    return cost_weights.weight_cost(add_adapter(tuned, args), final)


def share_kept(loss):
    """The share of the training's gain that the final model has; None: there was no gain."""
    gain = loss["base"] - loss["adapter"]
    return (loss["base"] - loss["final"]) / gain if gain > 0 else None


def from_models(args):
    """The figures that need the models to run, one after the other."""
    import answer_loss
    import cost_answers
    import data_tokens

    tokenizer = data_tokens.load_tokenizer(args.base, trust_remote_code=False)
    model = load_model(args.base)
    rows, answers = [], []
    if args.data is not None:
        file, keys = Path(args.data, "valid.jsonl"), data_rows.keys_of(args)
        rows = answer_loss.answer_rows(file, keys, tokenizer, args.max_seq_length)
    if args.answers is not None:
        answers = cost_answers.read_answers(args.answers, tokenizer)
    losses = {}

    def measure(name, model):
        if rows:
            losses[name] = answer_loss.answer_loss(model, rows)
            say(f"{name}: loss {losses[name]:.4f} on the answers of {len(rows)} rows")

    measure("base", model)
    model = add_adapter(model, args)
    measure("adapter", model)
    kept = cost_answers.likeliest(model, answers)
    del model
    peaks = {"adapter": peak_gb()}
    model = load_model(args.final)
    measure("final", model)
    agreed = cost_answers.agreement(model, answers, kept)
    peaks["final"] = peak_gb()
    loss = losses or None
    return {**agreed, "loss": loss, "gain_kept": loss and share_kept(loss), "rows": len(rows), "peak_gb": peaks}


def main():
    args = arguments()
    wrong = list(problems(args))
    if wrong:
        print("\n".join(wrong), file=sys.stderr)
        return 2
    start = time.monotonic()
    weights = from_weights(args)
    weights_peak = peak_gb()
    say(f"weights: {json.dumps(weights)}")
    models = from_models(args)
    models["peak_gb"] = {"weights": weights_peak, **models["peak_gb"]}
    bits = {"base": bits_of(args.base), "final": bits_of(args.final)}
    result = {"bits": bits, **weights, **models, "seconds": time.monotonic() - start}
    Path(args.out).write_text(json.dumps(result), encoding="utf-8")
    say(f"answers: {json.dumps({name: models[name] for name in ('top1', 'kl', 'tokens')})}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
