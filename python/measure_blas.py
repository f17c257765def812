"""How fast mlx multiplies matrices on this CPU, next to numpy. `phasebox doctor` runs it on Linux.

mlx_cpu brings the reference BLAS along, which is ten times slower than the OpenBLAS in numpy (measured on two cores: 1.7
and 20 GFLOP/s; 34 with LD_PRELOAD=libopenblas.so.0). Prints {"mlx": GFLOP/s, "numpy": GFLOP/s, "openblas": name or null},
or {} if mlx computes on a GPU or there is no numpy.
"""

import argparse
import ctypes.util
import json
import time

SIZE = 512
TIMES = 5


def gigaflops(multiply):
    """The best of some tries, since another program may work meanwhile. The first one is not measured: it loads."""
    multiply()
    seconds = []
    for _ in range(TIMES):
        began = time.perf_counter()
        multiply()
        seconds.append(time.perf_counter() - began)
    return 2 * SIZE**3 / min(seconds) / 1e9


def measure():
    import mlx.core as mx

    try:
        import numpy
    except ImportError:
        return {}
    if mx.default_device().type == mx.DeviceType.gpu:
        return {}
    ours = mx.ones((SIZE, SIZE))
    theirs = numpy.ones((SIZE, SIZE), dtype="float32")
    return {
        "mlx": gigaflops(lambda: mx.eval(ours @ ours)),
        "numpy": gigaflops(lambda: theirs @ theirs),
        "openblas": ctypes.util.find_library("openblas"),
    }


def main():
    argparse.ArgumentParser(description=__doc__).parse_args()
    print(json.dumps(measure()))


if __name__ == "__main__":
    main()
