"""The chance that a training meets a batch of which nothing is taught. Its loss is NaN, which ruins the adapter."""


def meets(batches, blind, taken, times=1):
    """The chance to take at least one of `blind` batches when `taken` of `batches` are taken, `times` over.

    mlx_lm (trainer.iterate_batches) takes batches in a random order without putting one back: the chance to miss all
    blind ones is C(batches - blind, taken) / C(batches, taken), the hypergeometric distribution at 0, here as a product.
    A training goes through the batches in passes, each in a new order. When it takes more than one pass, it meets every
    batch. Each measurement of the val loss begins a new order, so that `times` of them miss all blind ones with the
    power of that chance.
    """
    if blind == 0 or taken <= 0 or times <= 0:
        return 0.0
    missed = 1.0
    for number in range(min(taken, batches)):
        missed *= max(0, batches - blind - number) / (batches - number)
    return 1 - missed**times


def evaluations(iters, steps_per_eval):
    """How often trainer.train measures the val loss: at the first iteration, every steps_per_eval, and at the last."""
    return len({1, iters, *range(steps_per_eval, iters + 1, steps_per_eval)}) if iters > 0 else 0
