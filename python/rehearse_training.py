"""mlx_lm's own training, with the batches of a rehearsal: `lora.run` makes everything, and `train` takes the steps.

Names of mlx_lm are replaced only to note what is happening, and to give `train` other batches. Its adapter goes into a
temporary folder.
"""

import dataclasses
import importlib
import inspect
import math
import sys
import time
from pathlib import Path

import data_part
import rehearse_model
import rehearse_rows
from patched import patch
from rehearse_causes import Found, text_of
from rehearse_memory import Memory
from rehearse_schedule import Schedule

ITERS = 10**9  # more than are taken: the batches end first
CANNOT_REHEARSE = "this training cannot be rehearsed"


class Rehearsal:
    """One rehearsal. `report` is filled in while it runs, so that a failure leaves what was known before."""

    def __init__(self, options, folder):
        self.options, self.folder = options, folder
        self.place, self.seconds, self.warnings = "settings", {}, []
        self.report = {"warnings": self.warnings, "seconds": self.seconds}
        self.lora = importlib.import_module("mlx_lm.lora")
        self.trainer = importlib.import_module("mlx_lm.tuner.trainer")
        self.memory = Memory(options.memory_limit)
        self.own = {name: getattr(self.lora, name, None) for name in self.hooks()}

    def hooks(self):
        names = ("run", "load", "load_dataset", "linear_to_lora_layers", "build_schedule", "train")
        hooks = {name: getattr(self, name) for name in names}
        return {**hooks, "print_trainable_parameters": self.adapted}

    def start(self, argv):
        """Rehearses the training of `mlx_lm lora ARGV`. Raises what the training would."""
        takes = inspect.signature(self.trainer.train).parameters
        missing = {"iterate_batches", "training_callback"} - set(takes)
        if missing:
            sys.exit(f"mlx_lm's `train` takes no {' and no '.join(sorted(missing))} in this version: {CANNOT_REHEARSE}")
        patch(self.lora, CANNOT_REHEARSE, **self.hooks())
        sys.argv = ["mlx_lm lora", *argv]
        try:
            self.lora.main()
        finally:
            patch(self.lora, CANNOT_REHEARSE, **self.own)
        self.load_adapter()

    def say(self, text):
        print(f"rehearsal: {text}", file=sys.stderr, flush=True)

    def timed(self, name, function, *positional, **named):
        start = time.monotonic()
        result = function(*positional, **named)
        self.seconds[name] = time.monotonic() - start
        return result

    def run(self, args, *rest, **named):
        """The settings as mlx_lm completed them. Nothing is reported elsewhere, and nothing is tested afterwards."""
        self.args = args
        args.train, args.test, args.report_to = True, False, None
        args.adapter_path = str(self.folder)
        if args.resume_adapter_file is not None:
            self.check_resume_file(Path(args.resume_adapter_file))
        return self.own["run"](args, *rest, **named)

    def check_resume_file(self, file):
        remedy = "Name the file of an adapter that is complete, or remove resume_adapter_file."
        if not file.is_file():
            raise Found("resume_adapter", "MISSING_INPUT", f"resume_adapter_file {file}: there is no such file", remedy)
        if file.suffix == ".safetensors" and not rehearse_model.is_whole(file):
            raise Found("resume_adapter", "BAD_SETTINGS", f"resume_adapter_file {file} is cut off", remedy)

    def load(self, model, *rest, **named):
        self.place, self.loaded_with = "load", (model, rest, named)
        rehearse_model.check_files(model)
        self.say("loading the model")
        loaded, self.tokenizer = self.timed("load", self.own["load"], model, *rest, **named)
        positions = rehearse_model.max_positions(model)
        self.report["model"] = {"layers": len(loaded.layers), "max_positions": positions}
        self.note_shapes(loaded)
        self.memory.check("loading the model")
        if positions is not None and self.args.max_seq_length > positions:
            longer = f"max_seq_length {self.args.max_seq_length} is more than the {positions} positions of the model"
            self.warnings.append(longer)
        self.place = "data"
        return loaded, self.tokenizer

    def load_dataset(self, args, *rest, **named):
        parts = rehearse_rows.read_parts(args)
        datasets = self.own["load_dataset"](args, *rest, **named)
        roles = ("train", "valid", "test")
        self.parts = {role: parts.get(role) or data_part.Part(f"{role} rows", role) for role in roles}
        self.datasets = dict(zip(roles, datasets))
        if len(self.datasets["valid"]) == 0 and self.options.needs_valid:
            text = "There are no validation rows (valid.jsonl), but the choice of a checkpoint needs their loss."
            remedy = "Write valid.jsonl, or set `select: { by: last }`."
            raise Found("no_valid_rows", "BAD_DATA", text, remedy)
        self.place = "lora"
        return datasets

    def linear_to_lora_layers(self, model, *rest, **named):
        made = self.own["linear_to_lora_layers"](model, *rest, **named)
        self.note_shapes(model)
        return made

    def note_shapes(self, model):
        """Names and shapes that weights to resume from must have. mlx_lm ignores others without a word."""
        from mlx.utils import tree_flatten

        self.shapes = {name: tuple(value.shape) for name, value in tree_flatten(model.parameters())}

    def adapted(self, model):
        """The model has its layers to train, and the weights to resume from."""
        from mlx.utils import tree_flatten
        from mlx_lm.utils import get_total_parameters

        trainable = dict(tree_flatten(model.trainable_parameters()))
        count, total = sum(value.size for value in trainable.values()), get_total_parameters(model)
        self.report["trainable"] = {"parameters": count, "total": total, "share": count / total}
        if not trainable:
            keys = (self.args.lora_parameters or {}).get("keys")
            text = f"No layer of the model is trained: lora_parameters.keys {keys} match none of its layers"
            raise Found("lora_keys", "BAD_SETTINGS", text, f"Use names such as {', '.join(self.layer_names(model))}.")
        if self.args.resume_adapter_file is not None:
            self.check_resumed(self.args.resume_adapter_file, trainable)
        self.own["print_trainable_parameters"](model)
        self.place = "schedule" if self.args.lr_schedule else "optimizer"

    def layer_names(self, model):
        """Names of layers that lora_parameters.keys may have."""
        import mlx.nn as nn

        kinds = (nn.Linear, nn.QuantizedLinear)
        return sorted({name for layer in model.layers for name, one in layer.named_modules() if isinstance(one, kinds)})

    def check_resumed(self, file, trainable):
        import mlx.core as mx

        found = {name: tuple(value.shape) for name, value in mx.load(str(file)).items()}
        odd = [name for name, shape in found.items() if name not in trainable or self.shapes.get(name) != shape]
        absent = [name for name in trainable if name not in found]
        if odd or absent:
            what = "does not fit" if odd else "is not in the file"
            text = f"resume_adapter_file {file}: {(odd or absent)[0]} {what} ({len(odd or absent)} of {len(trainable)})"
            remedy = "Name an adapter that was trained with this model, these num_layers and these lora_parameters."
            raise Found("resume_adapter", "BAD_SETTINGS", text, remedy)

    def build_schedule(self, *rest, **named):
        schedule = self.own["build_schedule"](*rest, **named)
        self.place = "optimizer"
        return schedule

    def train(self, **given):
        """mlx_lm's `train`, with the batches of a rehearsal."""
        self.place = "data"
        self.say("tokenizing the rows")
        used = {"train": given["train_dataset"], "valid": given["val_dataset"]}
        self.timed("tokenize", self.prepare, used)
        self.say("taking steps")
        self.place = "train"
        settings = given["args"]
        accumulation = min(settings.grad_accumulation_steps, 2)  # a third batch takes no more memory than a second
        self.schedule = Schedule(self, used, given["model"], accumulation)
        changed = dataclasses.replace(
            settings,
            **{"iters": ITERS, "steps_per_eval": ITERS, "steps_per_save": ITERS, "steps_per_report": 1},
            grad_accumulation_steps=accumulation,
        )
        hooks = {"iterate_batches": self.schedule.batches, "training_callback": self.schedule}
        self.own["train"](**{**given, **hooks, "args": changed})
        self.seconds["save"] = time.monotonic() - self.schedule.ended
        self.place = "load_adapter"

    def prepare(self, used):
        for role, dataset in used.items():
            part = self.parts[role]
            if len(dataset) == 0:
                self.warnings.append("There are no validation rows, so no validation loss is measured.")
                continue
            rehearse_rows.tokenize(dataset, part, self.args, self.tokenizer)
            self.warnings += rehearse_rows.form_batches(part, self.datasets[role], self.args)
        longest = rehearse_rows.by_width(self.parts["train"], self.args)[-1]
        self.report["longest"] = rehearse_rows.described(longest, self.args)
        self.report["iterations"] = {"epoch": len(self.parts["train"].batches), "asked": self.args.iters}
        self.report["validation"] = {"batches": self.parts["valid"].looks}

    def load_adapter(self):
        """The saved adapter as the next stage loads it, in a second model whose weights stay on the disk."""
        self.say("loading the adapter")
        model, rest, named = self.loaded_with
        again = {**named, "adapter_path": str(self.folder), "lazy": True}
        try:
            self.timed("load_adapter", self.own["load"], model, *rest, **again)
        except Exception as error:
            text = f"The adapter was saved, but cannot be loaded: {text_of(error)}"
            remedy = "Check the free disk space. If there is enough, use other lora_parameters."
            raise Found("adapter_unusable", "OUTPUT_DAMAGED", text, remedy) from error

    def failed_loss(self, kind, loss, number):
        """Raises Found for a loss that is no finite number."""
        if math.isfinite(loss):
            return
        first = kind == "validation"
        when = "before the first step, so the base model itself is the cause" if first else f"at step {number}"
        remedy = "Use another model." if first else "Lower learning_rate, and check that max_seq_length cuts no answers."
        raise Found("nan_loss", "NAN_LOSS", f"The {kind} loss is {loss} {when}", remedy)
