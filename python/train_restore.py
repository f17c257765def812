"""Puts a state back into a model and its optimizer, and proves that the rows continue in their original order."""

import hashlib

import numpy as np
from train_state import Refused


def numpy_state():
    """The state of numpy's generator, which orders the rows, as JSON can hold it."""
    name, keys, position, has_gauss, cached = np.random.get_state()
    return [name, keys.tobytes().hex(), int(position), int(has_gauss), float(cached)]


def mlx_key():
    """The state of mlx's generator, which dropout draws from: two numbers of 32 bits."""
    import mlx.core as mx

    return mx.random.state[0].tolist()


def set_mlx_key(key):
    """The state cannot be assigned. A seed sets its two halves."""
    import mlx.core as mx

    high, low = key
    mx.random.seed((high << 32) | low)
    if mlx_key() != key:
        raise Refused("this version of mlx does not take the saved state of its random generator")


class Rows:
    """A running hash of the batches that a training has seen, and the number of tokens that it has learned from."""

    def __init__(self, tokens=0):
        self._hasher = hashlib.blake2b(digest_size=16)
        self.tokens = tokens

    def add(self, batch):
        tokens, spans = (np.asarray(one) for one in batch)
        self._hasher.update(tokens.tobytes())
        self._hasher.update(spans.tobytes())
        # As mlx_lm's default_loss masks: it predicts the tokens 1 to columns - 1, between offset and length.
        last = np.minimum(spans[:, 1], tokens.shape[1] - 1)
        self.tokens += int(np.maximum(0, last - np.maximum(spans[:, 0], 1) + 1).sum())

    def digest(self):
        return self._hasher.hexdigest()


def arrays_of(model, optimizer):
    """Everything of a training that is arrays, by name."""
    from mlx.utils import tree_flatten

    trainable = {f"model.{name}": value for name, value in tree_flatten(model.trainable_parameters())}
    return {**trainable, **{f"optimizer.{name}": value for name, value in tree_flatten(optimizer.state)}}


def restore_arrays(model, optimizer, arrays):
    """Raises Refused if the arrays are not those of this model and optimizer."""
    import mlx.core as mx
    from mlx.utils import tree_map_with_path

    # mlx makes the rest of the optimizer's state at the first step. It does that now, so that each array has its place.
    optimizer.init(model.trainable_parameters())
    current = arrays_of(model, optimizer)
    wrong = sorted({*current} ^ {*arrays}) or sorted(
        name for name, value in current.items() if (value.shape, value.dtype) != (arrays[name].shape, arrays[name].dtype)
    )
    if wrong:
        raise Refused(f"its arrays are not those of this training, for example {wrong[0]}")
    model.update(tree_map_with_path(lambda name, _: arrays[f"model.{name}"], model.trainable_parameters()))
    optimizer.state = tree_map_with_path(lambda name, _: arrays[f"optimizer.{name}"], optimizer.state)
    mx.eval(model.trainable_parameters(), optimizer.state)


def check_order(info, rows):
    """Raises Refused unless the rows drawn again are those that the interrupted training saw."""
    if rows.digest() != info["rows"]:
        raise Refused("the rows drawn again are not those that the interrupted training has seen")
    if numpy_state() != info["numpy"]:
        raise Refused("the order of the rows cannot be continued: numpy's generator has another state")
