"""Which batches the rehearsal trains on, and how long each takes.

mlx_lm asks for the next batch only after an iteration is complete and evaluated, so the time between two requests is the
time of an iteration, and a request is the moment to look at memory.
"""

import itertools
import time

import rehearse_rows

STEADY = 0.03  # relative standard error of the seconds per token at which the typical iterations end
FEWEST, MOST = 6, 60  # typical steps of the optimizer


class Schedule:
    """The batches and the callback of mlx_lm's `train`."""

    def __init__(self, rehearsal, datasets, model, accumulation):
        self.rehearsal, self.datasets, self.model, self.accumulation = rehearsal, datasets, model, accumulation
        self.args, self.seconds = rehearsal.args, rehearsal.seconds
        self.trained = self.new_tokens = 0
        self.ordered = rehearse_rows.by_width(rehearsal.parts["train"], self.args)

    def batches(self, *, dataset, **_):
        """mlx_lm asks for the batches of a validation and of the training with the same function."""
        return self.validation() if dataset is self.datasets["valid"] else self.training()

    def make(self, role, batch):
        """A batch as mlx_lm makes it."""
        lines = {row[0]: index for index, row in enumerate(self.rehearsal.parts[role].measured)}
        items = [self.datasets[role][lines[line]] for line, _, _ in batch]
        made = self.rehearsal.trainer.iterate_batches(
            dataset=items, batch_size=self.args.batch_size, max_seq_length=self.args.max_seq_length
        )
        return next(made)

    def validation(self):
        """The longest batch, for its memory, and then one of usual length, for its time."""
        ordered = rehearse_rows.by_width(self.rehearsal.parts["valid"], self.args)
        for name, batch in (("validation_longest", ordered[-1]), ("validation_batch", ordered[len(ordered) // 2])):
            made, start = self.make("valid", batch), time.monotonic()
            yield made
            self.seconds[name] = time.monotonic() - start
            self.rehearsal.memory.check("by a validation batch")

    def one(self, batch):
        """A batch to train on; its (seconds, tokens with padding, tokens that are taught)."""
        made, start = self.make("train", batch), time.monotonic()
        yield made
        took = time.monotonic() - start
        self.rehearsal.memory.check(f"by a training batch of {made[0].shape[1]} tokens")
        return took, made[0].size, self.new_tokens

    def round(self, batches):
        """As many batches as one step of the optimizer takes: the sums of what `one` gives."""
        taken = []
        for batch in itertools.islice(batches, self.accumulation):
            taken.append((yield from self.one(batch)))
        return [sum(values) for values in zip(*taken)]

    def training(self):
        ordered, longest = self.ordered, self.ordered[-1]
        middle = ordered[len(ordered) // 2]
        # The first step also prepares the kernels. It is on a usual batch, because that one is less likely to be too much.
        yield from self.round(itertools.repeat(middle))
        narrow, wide = (rehearse_rows.width_of(batch, self.args) for batch in (middle, longest))
        self.rehearsal.memory.foresee(narrow, wide, self.trainable_bytes())
        self.rehearsal.say("taking two steps on the longest batch")
        for _ in range(2):
            took, _, _ = yield from self.round(itertools.repeat(longest))
        self.seconds["iteration_longest"] = took / self.accumulation
        self.rehearsal.say("taking steps on usual batches")
        yield from self.typical()
        self.rehearsal.place = "save"
        self.ended = time.monotonic()

    def typical(self):
        """Steps on batches of all lengths until their speed is known well enough, or the time is up."""
        spread, rounds, end = rehearse_rows.spread(self.ordered), [], time.monotonic() + self.rehearsal.options.seconds
        while len(rounds) < 2 or (time.monotonic() < end and len(rounds) < MOST and not steady(rounds)):
            rounds.append((yield from self.round(spread)))
        took, tokens, taught = (sum(values) for values in zip(*rounds))
        width = sum(rehearse_rows.width_of(batch, self.args) for batch in self.ordered) / len(self.ordered)
        # The batches that were taken may be a little longer or shorter than all of them are.
        self.seconds["iteration"] = took / tokens * width * self.args.batch_size
        speed = {"tokens_per_second": taught / took, "steps": len(rounds), "iterations": len(rounds) * self.accumulation}
        self.rehearsal.report["speed"] = speed

    def trainable_bytes(self):
        from mlx.utils import tree_flatten

        return sum(value.nbytes for _, value in tree_flatten(self.model.trainable_parameters()))

    def on_train_loss_report(self, info):
        """Called by mlx_lm after each iteration, since the rehearsal asks for a report each time."""
        self.new_tokens, self.trained = info["trained_tokens"] - self.trained, info["trained_tokens"]
        self.rehearsal.failed_loss("training", info["train_loss"], info["iteration"])

    def on_val_loss_report(self, info):
        # With val_batches: 1, mlx_lm does not ask for a second batch, so the end of the first is not seen.
        for name in ("validation_longest", "validation_batch"):
            self.seconds.setdefault(name, info["val_time"])
        self.rehearsal.failed_loss("validation", info["val_loss"], 0)


def steady(rounds):
    """Whether the seconds per token of the rounds are known to STEADY."""
    if len(rounds) < FEWEST:
        return False
    speeds = [took / tokens for took, tokens, _ in rounds]
    mean = sum(speeds) / len(speeds)
    variance = sum((speed - mean) ** 2 for speed in speeds) / (len(speeds) - 1)
    return (variance / len(speeds)) ** 0.5 <= STEADY * mean
