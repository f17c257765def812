"""What of an adapter is left in a fused and quantized model, read from the weights: one layer in memory at a time.

D = what the adapter adds to a layer of the base (scale * B A, or for DoRA what its fusing changes), all in float32:
    step = rms(D) / mean step of the base's quantization grid (of the final model's, when the base has none)
    kept = <W_final - W_base, D> / <D, D>          1: all of D is there; 0: rounded away
    snr  = |D| / |W_final - W_base - D|            D against what rounding changed beside it
`kept` and `snr` are over all layers with an adapter together, `step` is the layers' mean, weighted by their size.
"""

import mlx.core as mx
import mlx.nn as nn


def is_quantized(layer):
    return "scales" in layer


def weight_of(layer):
    """A layer's weight, dequantized, in float32."""
    if not is_quantized(layer):
        return layer.weight.astype(mx.float32)
    mode = getattr(layer, "mode", "affine")
    biases = layer.get("biases")
    if mode != "affine":  # scales of the other modes are codes, no numbers
        weight = mx.dequantize(layer.weight, layer.scales, biases, layer.group_size, layer.bits, mode)
        return weight.astype(mx.float32)
    scales, biases = layer.scales.astype(mx.float32), biases.astype(mx.float32)
    return mx.dequantize(layer.weight, scales, biases, layer.group_size, layer.bits)


def grid_step(layer):
    """Mean distance of two neighbouring values on the layer's grid; None: it has no even grid."""
    if not is_quantized(layer) or getattr(layer, "mode", "affine") != "affine":
        return None
    return mx.abs(layer.scales.astype(mx.float32)).mean().item()


def adapted(model):
    """The layers with an adapter: [(name, module)]."""
    return [(name, module) for name, module in model.named_modules() if hasattr(module, "fuse")]


def inner_name(name, module):
    """Under which name a module with an adapter holds the base's own layer."""
    found = [inner for inner in ("linear", "embedding") if inner in module]
    if not found:
        raise ValueError(f"{name} ({type(module).__name__}): this kind of adapter cannot be read")
    return found[0]


def delta_of(module, inner, base):
    """D, by mlx_lm's own fusing, on a float32 copy of the base's weight so that nothing is rounded."""
    plain = nn.Module()
    plain.weight = base
    module[inner] = plain
    for name, value in module.items():
        if isinstance(value, mx.array):
            module[name] = value.astype(mx.float32)
    return module.fuse().weight - base


def sums_of(name, module, final):
    """(<D, D>, <E, D>, |E - D|^2, step or None, size) of one layer; E = W_final - W_base."""
    inner = inner_name(name, module)
    layer = module[inner]
    base = weight_of(layer)
    step = grid_step(layer) or grid_step(final)
    delta = delta_of(module, inner, base)
    change = weight_of(final) - base
    if change.shape != delta.shape:
        raise ValueError(f"{name}: {change.shape} in the final model, {delta.shape} in the base")
    # row by row first: one float32 sum over millions of squares would lose digits
    parts = [(a * b).sum(axis=-1) for a, b in ((delta, delta), (change, delta), (change - delta, change - delta))]
    mx.eval(parts)
    layer.clear()
    dd, ed, xx = (part.astype(mx.float32).reshape(-1).tolist() for part in parts)
    return sum(dd), sum(ed), sum(xx), step, delta.size


def weight_cost(tuned, final):
    """{step, kept, snr, layers} of a base with its adapter and the final model, both loaded lazily; both are emptied.

    None for a figure that does not exist: no layer with an adapter, an adapter of zeros, no grid, no rounding.
    """
    layers, others = adapted(tuned), dict(final.named_modules())
    total = {"dd": 0.0, "ed": 0.0, "xx": 0.0, "steps": 0.0, "size": 0}
    for name, module in layers:
        if name not in others:
            raise ValueError(f"{name}: not in the final model")
        dd, ed, xx, step, size = sums_of(name, module, others[name])
        total["dd"], total["ed"], total["xx"] = total["dd"] + dd, total["ed"] + ed, total["xx"] + xx
        if step:
            total["steps"] += (dd / size) ** 0.5 / step * size
            total["size"] += size
        module.clear()
        others[name].clear()
        mx.clear_cache()
    dd, xx = total["dd"], total["xx"]
    return {
        "step": total["steps"] / total["size"] if total["size"] else None,
        "kept": total["ed"] / dd if dd else None,
        "snr": (dd / xx) ** 0.5 if dd and xx else None,
        "layers": len(layers),
    }
