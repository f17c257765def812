"""Measures what fusing and quantizing cost an adapter: from the weights, and from the models' answers.

usage: python model_cost.py --base DIR --adapter DIR --final DIR --out FILE [--seconds N]
       [--weights adapters.safetensors] [--answers FILE] [--data DIR --max-seq-length N]
       [--chat-key messages] [--prompt-key prompt] [--completion-key completion] [--text-key text]

Writes {"bits": {base, final}, "step", "kept", "snr", "layers"    cost_weights.py
        "top1", "kl", "tokens", "outside"                         cost_answers.py: base + adapter against the final model
        "answers", "answers_of"                                   on so many of so many answers
        "loss": {base, adapter, final}, "gain_kept"               answer_loss.py: on rows of the data's valid.jsonl
        "rows", "rows_of"                                         on so many of so many rows
        "peak_gb": {weights, adapter, final}, "seconds"}
With --seconds the rows and answers are a sample (cost_sample.py) that is probably measured in this time, and never fewer
than its smallest. What is read of the weights, and loading the models, take the time that they take.
gain_kept = (loss.base - loss.final) / (loss.base - loss.adapter), null when the training lowered no loss. Without
--answers or --data those figures are null. One model is in memory at a time; for the weights, one layer of two.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

import cost_sample
import cost_watch
import data_rows
from cost_watch import say

ADAPTER_FILE = "adapters.safetensors"


def arguments():
    parser = argparse.ArgumentParser(description="What fusing and quantizing cost.")
    for name in ("base", "adapter", "final", "out"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--weights", default=ADAPTER_FILE, help="file in --adapter with the adapter's weights")
    parser.add_argument("--answers", help="file of answers, see cost_answers.py")
    parser.add_argument("--data", help="folder with valid.jsonl")
    parser.add_argument("--seconds", type=float, help="about how long the measurement may take; without it: all rows")
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


def read_texts(args, tokenizer):
    """All rows and all answers, in the order in which they are measured."""
    import answer_loss
    import cost_answers

    rows, answers = [], []
    if args.data is not None:
        file, keys = Path(args.data, "valid.jsonl"), data_rows.keys_of(args)
        rows = answer_loss.answer_rows(file, keys, tokenizer, args.max_seq_length)
    if args.answers is not None:
        answers = cost_answers.read_answers(args.answers, tokenizer)
    return cost_sample.in_order(rows), cost_sample.answers_in_order(answers)


# passes over the rows (base, adapter, final) and over the answers (adapter, final)
ROW_PASSES, ANSWER_PASSES = 3, 2


class Measurement:
    """The figures that need the models to run. Each row and answer is measured once with each model."""

    def __init__(self, args, watch):
        self.args, self.watch = args, watch
        self.losses, self.peaks = {}, {}

    def loss(self, name, model, rows, known=(0.0, 0)):
        """Notes the loss of a model, with what is known of it from other rows. Without rows there is none."""
        total, count = (one + other for one, other in zip(self.loss_sum(model, rows), known))
        if count:
            self.losses[name] = total / count
            say(f"{name}: loss {self.losses[name]:.4f} on the answers of {len(self.rows)} of {len(self.all_rows)} rows")

    def loss_sum(self, model, rows):
        import answer_loss

        return answer_loss.loss_sum(model, rows, self.watch.tell)

    def plan(self, answers):
        rows, answers = cost_sample.tokens_of(self.rows), cost_sample.tokens_of(answers)
        self.watch.plan(ROW_PASSES * rows + ANSWER_PASSES * answers)

    def read(self):
        """Reads all rows and answers."""
        import data_tokens

        tokenizer = data_tokens.load_tokenizer(self.args.base, trust_remote_code=False)
        self.rows, self.all_answers = read_texts(self.args, tokenizer)
        self.all_rows, self.first = self.rows, cost_sample.first_of(self.rows)
        self.plan(self.all_answers)

    def look_at_final(self):
        """How long the final model takes, from the first rows. A quantized model can take many times as long as its base,
        as on a CPU, so the pace of the base says nothing about it. Its loss on these rows is kept."""
        import cost_answers

        model, self.load_final = cost_watch.timed(lambda: load_model(self.args.final))
        self.final_sums, seconds = cost_watch.timed(lambda: self.loss_sum(model, self.first))
        self.final_pace = cost_sample.pace(self.first, seconds)
        if not self.first:
            answers = cost_sample.first_of(self.all_answers)
            _, seconds = cost_watch.timed(lambda: cost_answers.likeliest(model, answers))
            self.final_pace = cost_sample.pace(answers, seconds)

    def base(self):
        """Measures the base, and chooses the rows by how long the first of them take."""
        model = load_model(self.args.base)
        sums, seconds = cost_watch.timed(lambda: self.loss_sum(model, self.first))
        left = self.watch.left(self.load_final)
        share = left / 2 if left is not None and self.all_answers else left
        pace = (ROW_PASSES - 1) * cost_sample.pace(self.first, seconds) + self.final_pace
        self.rows = cost_sample.sample(self.rows, pace, share)
        self.plan(self.all_answers)
        self.loss("base", model, self.rows[len(self.first) :], sums)
        return model

    def adapter(self, model):
        """Measures base + adapter, and chooses the answers in the same way. Returns what is kept of them."""
        import cost_answers

        model, first = add_adapter(model, self.args), cost_sample.first_of(self.all_answers)
        self.loss("adapter", model, self.rows)
        kept, seconds = cost_watch.timed(lambda: cost_answers.likeliest(model, first, self.watch.tell))
        rows_left = self.final_pace * cost_sample.tokens_of(self.rows[len(self.first) :])
        left = self.watch.left(self.load_final + rows_left)
        pace = (ANSWER_PASSES - 1) * cost_sample.pace(first, seconds) + self.final_pace
        self.answers = cost_sample.sample(self.all_answers, pace, left)
        self.plan(self.answers)
        kept += cost_answers.likeliest(model, self.answers[len(first) :], self.watch.tell)
        return kept

    def final(self, kept):
        import cost_answers

        model = load_model(self.args.final)
        self.loss("final", model, self.rows[len(self.first) :], self.final_sums)
        return cost_answers.agreement(model, self.answers, kept, self.watch.tell)

    def figures(self):
        self.read()
        self.look_at_final()
        seen = peak_gb()
        kept = self.adapter(self.base())
        # The model is no longer referenced, so its memory is freed here.
        self.peaks["adapter"] = peak_gb()
        agreed = self.final(kept)
        self.peaks["final"] = max(seen, peak_gb())
        rows = {"rows": len(self.rows), "rows_of": len(self.all_rows)}
        answers = {"answers": len(self.answers), "answers_of": len(self.all_answers)}
        gain_kept = share_kept(self.losses) if self.losses else None
        return {**agreed, **rows, **answers, "loss": self.losses or None, "gain_kept": gain_kept, "peak_gb": self.peaks}


def main():
    args = arguments()
    wrong = list(problems(args))
    if wrong:
        print("\n".join(wrong), file=sys.stderr)
        return 2
    watch = cost_watch.Watch(args.seconds)
    weights = from_weights(args)
    weights_peak = peak_gb()
    say(f"weights: {json.dumps(weights)}")
    models = Measurement(args, watch).figures()
    models["peak_gb"] = {"weights": weights_peak, **models["peak_gb"]}
    bits = {"base": bits_of(args.base), "final": bits_of(args.final)}
    result = {"bits": bits, **weights, **models, "seconds": time.monotonic() - watch.start}
    Path(args.out).write_text(json.dumps(result), encoding="utf-8")
    say(f"answers: {json.dumps({name: models[name] for name in ('top1', 'kl', 'tokens')})}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
