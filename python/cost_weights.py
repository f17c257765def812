"""What of an adapter is left in a fused and quantized model, read from the weights: one layer in memory at a time, of a
large stack of experts a piece.

D = what the adapter adds to a layer of the base (scale * B A, or for DoRA what its fusing changes), all in float32:
    step = rms(D) / mean step of the base's quantization grid (of the final model's, when the base has none)
    kept = <W_final - W_base, D> / <D, D>          1: all of D is there; 0: rounded away
    snr  = |D| / |W_final - W_base - D|            D against what rounding changed in addition
`kept` and `snr` are over all layers with an adapter together, `step` is the layers' mean, weighted by their size.
"""

import mlx.core as mx
import mlx.nn as nn


PIECE = 2**25  # elements of a stack of experts that are looked at together: 128 MB in float32


def is_quantized(layer):
    return "scales" in layer


def weight_of(layer, rows=slice(None)):
    """A layer's weight, dequantized, in float32. `rows` limits it to some experts."""
    weight = layer.weight[rows]
    if not is_quantized(layer):
        return weight.astype(mx.float32)
    mode, biases = getattr(layer, "mode", "affine"), layer.get("biases")
    scales, biases = layer.scales[rows], None if biases is None else biases[rows]
    if mode != "affine":  # scales of the other modes are codes, not numbers
        return mx.dequantize(weight, scales, biases, layer.group_size, layer.bits, mode).astype(mx.float32)
    scales, biases = scales.astype(mx.float32), biases.astype(mx.float32)
    return mx.dequantize(weight, scales, biases, layer.group_size, layer.bits)


def grid_step(layer):
    """Mean distance of two neighbouring values on the layer's grid. None if the grid is not even."""
    if not is_quantized(layer) or getattr(layer, "mode", "affine") != "affine":
        return None
    return mx.abs(layer.scales.astype(mx.float32)).mean().item()


def adapted(model):
    """The layers with an adapter: [(name, module)]."""
    return [(name, module) for name, module in model.named_modules() if hasattr(module, "fuse")]


def inner_name(name, module):
    """The name under which a module with an adapter has the base's own layer."""
    found = [inner for inner in ("linear", "embedding") if inner in module]
    if not found:
        raise ValueError(f"{name} ({type(module).__name__}): this kind of adapter cannot be read")
    return found[0]


def pieces(layer):
    """Slices of a stack of experts, so that a large one is not in memory as a whole; anything else in one."""
    if layer.weight.ndim < 3:
        return [slice(None)]
    size = layer.weight.size * (32 // layer.bits if is_quantized(layer) else 1)
    step = max(1, PIECE * layer.weight.shape[0] // size)
    return [slice(start, start + step) for start in range(0, layer.weight.shape[0], step)]


def delta_of(module, inner, base, rows):
    """D, by mlx_lm's own fusing, on a float32 copy of the base's weight so that nothing is rounded."""
    plain = nn.Module()
    plain.weight = base
    layer, own = module[inner], {name: value for name, value in module.items() if isinstance(value, mx.array)}
    module[inner] = plain
    dict.update(module, {name: value[rows].astype(mx.float32) for name, value in own.items()})
    delta = module.fuse().weight - base
    dict.update(module, {**own, inner: layer})
    return delta


def sums_of(name, module, final):
    """(<D, D>, <E, D>, |E - D|^2, size) of one layer; E = W_final - W_base."""
    inner = inner_name(name, module)
    layer = module[inner]
    total, size = [0.0, 0.0, 0.0], 0
    for rows in pieces(layer):
        base = weight_of(layer, rows)
        delta = delta_of(module, inner, base, rows)
        change = weight_of(final, rows) - base
        if change.shape != delta.shape:
            raise ValueError(f"{name}: {change.shape} in the final model, {delta.shape} in the base")
        # row by row first: one float32 sum over millions of squares would lose digits
        parts = [(a * b).sum(axis=-1) for a, b in ((delta, delta), (change, delta), (change - delta, change - delta))]
        mx.eval(parts)
        total = [one + sum(part.reshape(-1).tolist()) for one, part in zip(total, parts)]
        size += delta.size
    return *total, size


def weight_cost(tuned, final):
    """{step, kept, snr, layers} of a base with its adapter and the final model, both loaded lazily; both are emptied.

    None for a figure that does not exist: no layer with an adapter, an adapter of zeros, no grid, no rounding.
    """
    layers, others = adapted(tuned), dict(final.named_modules())
    total = {"dd": 0.0, "ed": 0.0, "xx": 0.0, "steps": 0.0, "size": 0}
    for name, module in layers:
        if name not in others:
            raise ValueError(f"{name}: not in the final model")
        base, final_layer = module[inner_name(name, module)], others[name]
        step = grid_step(base) or grid_step(final_layer)
        dd, ed, xx, size = sums_of(name, module, final_layer)
        total["dd"], total["ed"], total["xx"] = total["dd"] + dd, total["ed"] + ed, total["xx"] + xx
        if step:
            total["steps"] += (dd / size) ** 0.5 / step * size
            total["size"] += size
        for one in (base, final_layer, module):
            one.clear()
        mx.clear_cache()
    dd, xx = total["dd"], total["xx"]
    return {
        "step": total["steps"] / total["size"] if total["size"] else None,
        "kept": total["ed"] / dd if dd else None,
        "snr": (dd / xx) ** 0.5 if dd and xx else None,
        "layers": len(layers),
    }
