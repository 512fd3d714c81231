"""Memory that the process frees is kept for its next allocation, instead of going back to the operating system."""

import ctypes
import sys

_TRIM_THRESHOLD, _MMAP_MAX = -1, -4  # of malloc.h
_LARGEST = 2**31 - 1


def keep_freed_memory() -> bool:
    """Tell glibc to keep memory that is freed; returns whether it will, which is false on other C libraries.

    A training step allocates and frees the same activations, a gigabyte or more. By default glibc gives arrays of 32
    MiB or more back at once and fetches zeroed pages again in the next step, which took three tenths of the processor
    time of a step of MobileNetV2 at 96 px. The process keeps its peak of memory until it ends, so this is for processes
    that run one job or command, not for a library inside somebody's notebook.
    """
    if sys.platform != "linux":
        return False
    try:
        set_option = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return False
    return bool(set_option(_MMAP_MAX, 0)) and bool(set_option(_TRIM_THRESHOLD, _LARGEST))
