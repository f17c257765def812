"""The hooks in mlx_lm's own training: which names of mlx_lm they need, and what is called instead.

Each name is checked before it is replaced, because a version of mlx_lm may lack it or use it in another way. Then
DoesNotFit is raised, always before the first iteration, and the driver starts plain `mlx_lm lora`.
"""

import functools
import importlib
import inspect
import os
import sys

import train_identity
import train_restore
from train_progress import say
from train_reports import Reports
from train_state import Refused, listed

SETTINGS = ("iters", "steps_per_report", "steps_per_eval", "steps_per_save", "val_batches")
SETTINGS += ("grad_accumulation_steps", "adapter_file")


class DoesNotFit(Exception):
    """This mlx_lm does not work as the hooks expect. The message says where."""


def needed(module, name):
    """A function of mlx_lm. DoesNotFit if there is none."""
    function = getattr(module, name, None)
    if not inspect.isfunction(function):
        raise DoesNotFit(f"{module.__name__} has no function `{name}`")
    return function


def check_uses(function, *names):
    """DoesNotFit unless the function looks up these names when it runs, so that a replacement takes effect."""
    missing = [name for name in names if name not in function.__code__.co_names]
    if missing:
        raise DoesNotFit(f"`{function.__name__}` of {function.__module__} does not use `{missing[0]}`")


def check_takes(function, *names):
    missing = [name for name in names if name not in inspect.signature(function).parameters]
    if missing:
        raise DoesNotFit(f"`{function.__name__}` of {function.__module__} has no parameter `{missing[0]}`")


def check_called(name, positional, given, *expected):
    """The same for a call: mlx_lm must give these arguments by name."""
    missing = [one for one in expected if one not in given]
    if positional or missing:
        raise DoesNotFit(f"mlx_lm calls `{name}` in another way")


class Hooks:
    """Puts one Loop into mlx_lm's `lora`."""

    def __init__(self, loop):
        self.loop = loop
        self.lora = importlib.import_module("mlx_lm.lora")
        self._run, self._load = needed(self.lora, "run"), needed(self.lora, "load")
        self._load_dataset, self._train = needed(self.lora, "load_dataset"), needed(self.lora, "train")
        self._evaluate = needed(self.lora, "evaluate")
        self._trainer = sys.modules[self._train.__module__]
        self._iterate_batches = needed(self._trainer, "iterate_batches")
        self._counts_on = False
        self._check()

    def _check(self):
        check_uses(needed(self.lora, "main"), "run")
        check_uses(self._run, "load", "load_dataset", "train_model")
        check_uses(needed(self.lora, "train_model"), "train")
        check_takes(self._train, "model", "optimizer", "train_dataset", "val_dataset", "args")
        check_takes(self._train, "iterate_batches", "training_callback")
        check_uses(self._train, "range", "zip", "evaluate")
        check_takes(self._evaluate, "iterate_batches")
        check_takes(self._iterate_batches, "dataset", "loop")

    def install(self):
        """Replaces all names together, since each of them was checked."""
        self.lora.run, self.lora.load = self.run, self.load
        self.lora.load_dataset, self.lora.train = self.load_dataset, self.train
        self.lora.evaluate = self.evaluate

    def run(self, args, *rest, **named):
        """mlx_lm changes its settings while it runs, so they are noted first."""
        self._args = args
        self._settings = train_identity.compared_settings(args, self.loop.stopper.rules)
        return self._run(args, *rest, **named)

    def load(self, *args, **named):
        self.loop.beat("loading")
        self.loop.pause_while_loading()
        loaded = self._load(*args, **named)
        if self.loop.uses_states:
            self._model_hash = train_identity.ModelHash(self._args.model, self._args.resume_adapter_file)
        return loaded

    def load_dataset(self, *args, **named):
        self.loop.beat("data")
        self.loop.pause_while_loading()
        self._datasets = self._load_dataset(*args, **named)
        return self._datasets

    @functools.cached_property
    def identity(self):
        """Computed when the first state needs it: the model is hashed while the training has begun."""
        rows = train_identity.hash_rows(*self._datasets[:2])
        return train_identity.identity_of(self._settings, rows, self._model_hash.value())

    def train(self, *positional, **given):
        """mlx_lm's `train` with our batches and our reports."""
        check_called("train", positional, given, "model", "optimizer", "train_dataset", "val_dataset", "args")
        model, optimizer, settings = given["model"], given["optimizer"], given["args"]
        self._check_training(settings)
        self._say_trainable(model)
        self.loop.identity = lambda: self.identity
        if self.loop.options.resume is not None:
            with self.loop.clock.measure("resume"):
                self._resume(model, optimizer, settings)
        self.loop.begin(model, optimizer, settings)
        batches = functools.partial(self._batches, given["val_dataset"])
        reports = Reports(self.loop, given.get("training_callback"))
        self._train(**{**given, "iterate_batches": batches, "training_callback": reports})
        self.loop.finish()

    def _check_training(self, settings):
        import mlx.core as mx

        missing = [name for name in SETTINGS if not hasattr(settings, name)]
        if missing:
            raise DoesNotFit(f"its training settings have no `{missing[0]}`")
        if mx.distributed.init().size() > 1:
            raise DoesNotFit("a training on several machines has several states")

    def _batches(self, val_dataset, *positional, **given):
        """mlx_lm calls this once for the training, and for each validation."""
        check_called("iterate_batches", positional, given, "dataset")
        inner = self._iterate_batches(**given)
        if not given.get("loop"):
            return self.loop.validating(inner)
        if self.loop.start > 0 and not self._counts_on:
            raise DoesNotFit("its training loop does not count with `range(1, iters + 1)`")

        def draw_validation():
            if val_dataset and self.loop.settings.val_batches != 0:
                next(self._iterate_batches(**{**given, "dataset": val_dataset, "loop": False}), None)

        return self.loop.training(inner, draw_validation)

    def evaluate(self, *args, **named):
        """The loss on test.jsonl, which mlx_lm measures after the training if it is asked to."""

        def batches(*args, **named):
            for number, batch in enumerate(self._iterate_batches(*args, **named), 1):
                self.loop.beat("test", batch=number)
                yield batch

        return self._evaluate(*args, **{"iterate_batches": batches, **named})

    def _say_trainable(self, model):
        from mlx.utils import tree_flatten

        trainable = sum(value.size for _, value in tree_flatten(model.trainable_parameters()))
        count = getattr(importlib.import_module("mlx_lm.utils"), "get_total_parameters", None)
        total = None if count is None else int(count(model))
        share = None if not total else trainable / total
        self.loop.progress.event("trainable", parameters=trainable, total=total, share=share)

    def _resume(self, model, optimizer, settings):
        """Puts the newest whole state into model and optimizer. Raises Refused if it belongs to another training."""
        state = self._newest_whole(self.loop.options.resume)
        if state is None:
            folder = os.path.join(self.loop.options.resume, "")
            say(f"the folder {folder} holds no saved state, so the training starts at iteration 1")
            return
        try:
            info = state.info()
            wrong = train_identity.differences(info["identity"], self.identity)
            if wrong:
                raise Refused(f"it belongs to another training, which differs in {', '.join(wrong)}")
            train_restore.restore_arrays(model, optimizer, state.arrays())
        except Refused as error:
            raise Refused(f"the state {state.path} is not used: {error}") from error
        self.loop.resume(state, info)
        self._count_from(state.iteration, settings.iters)
        say(f"training resumes after iteration {state.iteration}, from {state.path}")
        self.loop.progress.event("resumed", iteration=state.iteration, state=str(state.path))

    def _newest_whole(self, folder):
        for state in listed(folder):
            if state.is_whole():
                return state
            say(f"the state {state.path} is damaged and is not used")
            self.loop.progress.event("damaged_state", iteration=state.iteration, state=str(state.path))
        return None

    def _count_from(self, done, iters):
        """Lets mlx_lm's loop count from done + 1 on, so that its schedule of reports and validations stays the same."""

        def counted(*bounds):
            if bounds != (1, iters + 1):
                return range(*bounds)
            self._counts_on = True
            return range(done + 1, iters + 1)

        self._trainer.range = counted
