"""Shows that a driver works. phasebox stops a tool whose log and files do not change for a long time."""

import os
import time

BEAT_SECONDS = 1
_next = 0.0


def beat():
    """Gives the log, which is the driver's standard output, the present time. At most once a second."""
    global _next
    now = time.monotonic()
    if now < _next:
        return
    _next = now + BEAT_SECONDS
    try:
        os.utime(1)
    except OSError:
        pass  # a terminal or a pipe of somebody who runs the driver by hand
