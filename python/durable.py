"""Makes files survive a power cut. No other driver calls fsync itself."""

import fcntl
import os

# fsync on macOS leaves the data in the cache of the drive. Linux does not have this request.
FULL_SYNC = getattr(fcntl, "F_FULLFSYNC", None)


def sync(descriptor):
    """Returns when the content of an open file or folder is on the disk. Raises OSError if the disk cannot write it."""
    if FULL_SYNC is not None:
        try:
            fcntl.fcntl(descriptor, FULL_SYNC)
            return
        except OSError:
            pass  # a file system that does not know the request, such as a network share
    os.fsync(descriptor)


def sync_path(path):
    """The same for the path of a file or folder."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        sync(descriptor)
    finally:
        os.close(descriptor)
