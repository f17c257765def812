"""What the driver does between the iterations of mlx_lm's training loop: beats, states, pauses, stops, the memory limit.

mlx_lm asks for the batch of iteration n + 1 only when iteration n is complete and evaluated. The code between two
batches therefore sees the training at rest.
"""

import os
import time
from pathlib import Path

import durable
import train_restore
from train_progress import say
from train_state import Refused, StateFolder

# A state that takes long to write is written less often, so that saving takes at most 2 % of the time.
SLOW_SAVE_SECONDS = 1.0
LEAST_WORK_PER_SAVE = 49


class Paused(Exception):
    """The training was paused after `iteration`, whose state is on the disk. 0: from the start. None: while loading."""

    def __init__(self, iteration):
        super().__init__()
        self.iteration = iteration


class OverLimit(Exception):
    """The peak memory is above the limit, in bytes."""

    def __init__(self, peak, limit):
        super().__init__()
        self.peak = peak
        self.limit = limit


class Loop:
    """One training. `options` are the driver's, `stopper` has the rules for an early stop."""

    def __init__(self, options, stopper, progress, clock):
        self.options = options
        self.stopper = stopper
        self.progress = progress
        self.clock = clock
        self.identity = None
        self.states = None
        self.resumed = None
        self.start = 0
        self.current = 0
        self.carried_seconds = 0.0
        self.is_saving = options.state_dir is not None
        self.uses_states = self.is_saving or options.resume is not None
        self._boundary = None
        self._synced = {}
        self._save_seconds = 0.0

    def begin(self, model, optimizer, settings):
        """Called when mlx_lm is about to train, with the model as it starts. `settings` are mlx_lm's TrainingArgs."""
        self.model, self.optimizer, self.settings = model, optimizer, settings
        self.every = self.options.state_every or settings.steps_per_save
        self.rows = train_restore.Rows()
        self._began = time.monotonic()
        if self.is_saving:
            self.states = StateFolder(self.options.state_dir, self.resumed)

    def resume(self, state, info):
        """Continues from a state: its arrays are in the model already."""
        self.resumed, self.info = state, info
        self.start = self.current = state.iteration
        self.carried_seconds = info["seconds"]
        self.stopper.restore(info["stop"])

    def finish(self):
        """mlx_lm has trained and written its adapter."""
        self.seconds = self.worked()

    def worked(self):
        """Seconds of training, those of the resumed parts included. Time in which the machine sleeps does not count."""
        return self.carried_seconds + time.monotonic() - self._began

    def beat(self, phase, iteration=None, **fields):
        with self.clock.measure("beats"):
            self.progress.beat(phase, iteration, **fields)

    def training(self, inner, draw_validation):
        """Yields the batches of `inner`, and works between them."""
        if self.resumed is not None:
            self._replay(inner, draw_validation)
        self.earlier_tokens = self.rows.tokens
        self._reset_timers()
        self._note_boundary(self.start)
        self.pause_if_asked()
        while True:
            self.current += 1
            self.beat("training", self.current)
            batch = next(inner)
            if self.is_saving:
                with self.clock.measure("rows"):
                    self.rows.add(batch)
            yield batch
            with self.clock.measure("checks"):
                if self._is_over():
                    return

    def validating(self, inner):
        """Yields the batches of a validation. A pause does not wait for its end, which may take minutes."""
        for number, batch in enumerate(inner, 1):
            self.beat("validation", self.current, batch=number)
            yield batch
            self.pause_if_asked()

    def _replay(self, inner, draw_validation):
        """Draws what the interrupted training has drawn, and proves that it is the same."""
        for iteration in range(1, self.start + 1):
            self.beat("replaying", iteration)
            self.rows.add(next(inner))
            if self._validates(iteration):
                draw_validation()
        try:
            train_restore.check_order(self.info, self.rows)
            train_restore.set_mlx_key(self.info["mlx"])
        except Refused as error:
            raise Refused(f"the state {self.resumed.path} is not used: {error}") from error
        say(f"the first {self.start} iterations were drawn again and have the same rows; training resumes")

    def _validates(self, iteration):
        """Whether mlx_lm measures the validation loss in this iteration, which draws an order of its rows."""
        settings = self.settings
        return iteration in (1, settings.iters) or iteration % settings.steps_per_eval == 0

    def _reset_timers(self):
        self._saved_iteration = self._tried_iteration = self.start
        self._saved_at = time.monotonic()

    def _note_boundary(self, iteration):
        """Notes what a state at this iteration needs and what the next iteration changes."""
        if self.is_saving:
            noted = {"numpy": train_restore.numpy_state(), "rows": self.rows.digest(), "tokens": self.rows.tokens}
            self._boundary = (iteration, noted)

    def _is_over(self):
        """After each iteration. True if the training ends here."""
        self.check_memory()
        # Between two optimizer steps there is an accumulated gradient, which a state does not hold.
        if self.current % self.settings.grad_accumulation_steps != 0:
            return False
        self._note_boundary(self.current)
        self.stopper.worked(self.worked())
        if self.stopper.reason is not None:
            self._say_stopped()
            return True
        self.pause_if_asked()
        if self.is_saving and self._is_due():
            self._save()
        return False

    def _say_stopped(self):
        reason, why = self.stopper.reason, self.stopper.why
        say(f"the training stops early at iteration {self.current}: {why}")
        self.progress.event("stopped", iteration=self.current, reason=reason, why=why)

    def check_memory(self):
        """Raises OverLimit."""
        import mlx.core as mx

        limit = self.options.memory_limit
        if limit is not None and mx.get_peak_memory() > limit:
            raise OverLimit(mx.get_peak_memory(), limit)

    def pause_if_asked(self):
        """Raises Paused if a pause was asked for and the training can be saved as it is now."""
        if not self._is_pause_asked():
            return
        # In a validation the parameters are still those of the iteration before.
        iteration = None if self._boundary is None else self._boundary[0]
        if iteration is None or self.current - iteration > 1:
            return
        if iteration > self._saved_iteration:
            self._save(is_needed=True)
        raise Paused(iteration)

    def pause_while_loading(self):
        """Raises Paused. What was done before the training is done again when it resumes."""
        if self._is_pause_asked():
            raise Paused(None)

    def _is_pause_asked(self):
        file = self.options.pause_file
        return file is not None and os.path.exists(file)

    def _is_due(self):
        waited = time.monotonic() - self._saved_at
        if self._save_seconds > SLOW_SAVE_SECONDS and waited < LEAST_WORK_PER_SAVE * self._save_seconds:
            return False
        passed = self.current // self.every > self._tried_iteration // self.every
        return passed or waited >= self.options.state_every_seconds

    def _save(self, is_needed=False):
        """Saves a state. A full disk is an error only if the state is needed: mlx_lm's own files may still fit."""
        iteration = self._tried_iteration = self._boundary[0]
        start = time.monotonic()
        with self.clock.measure("states"):
            try:
                self._sync_checkpoints()
                size = self.states.save(iteration, train_restore.arrays_of(self.model, self.optimizer), self._info())
            except OSError as error:
                if is_needed:
                    raise
                say(f"the state of iteration {iteration} could not be saved, training continues: {error}")
                self.progress.event("state_failed", iteration=iteration, why=str(error))
                self._saved_at = time.monotonic()
                return
        self._saved_iteration, self._saved_at = iteration, time.monotonic()
        self._save_seconds = self._saved_at - start
        self.progress.event("state", iteration=iteration, bytes=size, seconds=round(self._save_seconds, 3))

    def _info(self):
        """What a state holds next to its arrays."""
        iteration, noted = self._boundary
        return {
            **noted,
            "iteration": iteration,
            "identity": self.identity(),
            "mlx": train_restore.mlx_key(),
            "seconds": round(self.worked(), 3),
            "stop": self.stopper.counters(),
        }

    def _sync_checkpoints(self):
        """mlx_lm does not sync its checkpoints. Those before a state must outlive a power cut as the state does."""
        for path in Path(self.settings.adapter_file).parent.glob("*.safetensors"):
            written = path.stat().st_mtime_ns
            if self._synced.get(path) != written:
                durable.sync_path(path)
                self._synced[path] = written
