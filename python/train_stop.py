"""When a training stops before its last iteration: the validation loss no longer falls, or its time is used up."""

import json
import math

EXAMPLE = '{"val_loss": {"patience": 3, "min_delta": 0.0}, "train_minutes": 90}'


def is_number(value, lowest):
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value) and value >= lowest


def check_rules(rules):
    """ValueError with a sentence if the rules are not those of EXAMPLE."""
    if not isinstance(rules, dict) or not rules or set(rules) - {"val_loss", "train_minutes"}:
        raise ValueError(f"it must be a JSON object such as {EXAMPLE}")
    minutes = rules.get("train_minutes", 1)
    if not is_number(minutes, 0) or minutes == 0:
        raise ValueError("train_minutes must be a number above 0")
    loss = rules.get("val_loss", {"patience": 1})
    if not isinstance(loss, dict) or set(loss) - {"patience", "min_delta"}:
        raise ValueError("val_loss must be an object with patience and min_delta")
    patience = loss.get("patience")
    if not isinstance(patience, int) or isinstance(patience, bool) or patience < 1:
        raise ValueError("val_loss.patience must be a whole number of at least 1")
    if not is_number(loss.get("min_delta", 0.0), 0):
        raise ValueError("val_loss.min_delta must be a number of at least 0")


class Stopper:
    """Decides whether to stop. Its counters are saved in each state, so a resumed training stops where it would have."""

    def __init__(self, rules=None):
        self.rules = rules or {}
        self.best = None
        self.best_iteration = None
        self.without_gain = 0
        self.reason = None
        self.why = None

    @staticmethod
    def from_json(text):
        """ValueError with a sentence if the text is not a valid rule."""
        try:
            rules = json.loads(text)
        except ValueError as error:
            raise ValueError(f"it is not valid JSON ({error}); an example is {EXAMPLE}") from error
        check_rules(rules)
        return Stopper(rules)

    def counters(self):
        return {"best": self.best, "best_iteration": self.best_iteration, "without_gain": self.without_gain}

    def restore(self, counters):
        self.best = counters["best"]
        self.best_iteration = counters["best_iteration"]
        self.without_gain = counters["without_gain"]

    def validated(self, iteration, loss):
        """Counts a validation loss. A loss that is not finite is no improvement."""
        rule = self.rules.get("val_loss")
        if rule is None:
            return
        if math.isfinite(loss) and (self.best is None or loss < self.best - rule.get("min_delta", 0.0)):
            self.best, self.best_iteration, self.without_gain = loss, iteration, 0
            return
        self.without_gain += 1
        if self.without_gain >= rule["patience"] and self.reason is None:
            best = "none was finite" if self.best is None else f"{self.best:.3f} at iteration {self.best_iteration}"
            self.reason = "val_loss"
            self.why = f"{self.without_gain} validations in a row brought no improvement (best validation loss: {best})"

    def worked(self, seconds):
        """Compares the time worked so far, that of the resumed parts included, with the limit."""
        minutes = self.rules.get("train_minutes")
        if minutes is not None and seconds >= 60 * minutes and self.reason is None:
            self.reason = "train_minutes"
            self.why = f"it has trained for {seconds / 60:.1f} minutes (the limit is {minutes:g})"
