"""mlx_lm's reports of losses, as events of the driver."""


class Reports:
    """Takes mlx_lm's reports, and passes them to the callback that mlx_lm itself would use (report_to)."""

    def __init__(self, loop, other):
        self._loop = loop
        self._other = other
        self._last = loop.start

    def on_train_loss_report(self, info):
        with self._loop.clock.measure("reports"):
            self._report_train(info)
        if self._other is not None:
            self._other.on_train_loss_report(info)

    def on_val_loss_report(self, info):
        with self._loop.clock.measure("reports"):
            self._report_validation(info)
        if self._other is not None:
            self._other.on_val_loss_report(info)

    def _report_train(self, info):
        iteration = info["iteration"]
        # mlx_lm divides by steps_per_report, even where a report covers fewer iterations.
        share = (iteration - self._last) / self._loop.settings.steps_per_report
        self._last = iteration
        self._loop.progress.event(
            "report",
            iteration=iteration,
            train_loss=info["train_loss"],
            learning_rate=info["learning_rate"],
            tokens_per_second=info["tokens_per_second"],
            iterations_per_second=info["iterations_per_second"] * share,
            trained_tokens=self._loop.earlier_tokens + info["trained_tokens"],
            peak_memory_gb=info["peak_memory"],
            seconds=round(self._loop.worked(), 3),
        )

    def _report_validation(self, info):
        """mlx_lm measures the loss before the step of the current iteration."""
        iteration = self._loop.current
        self._loop.stopper.validated(iteration, info["val_loss"])
        self._loop.progress.event(
            "validation",
            iteration=iteration,
            val_loss=info["val_loss"],
            val_seconds=info["val_time"],
            seconds=round(self._loop.worked(), 3),
        )
