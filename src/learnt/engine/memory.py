"""Memory of large arrays: kept by the process between steps, not given back and asked for again.

A step of training frees and allocates the same large arrays every few milliseconds. The C
library hands blocks that large back to the system at once, and the system clears every page
anew: up to half of a convolution's time. One setting of glibc's allocator keeps them.
"""

import ctypes
import functools
import sys

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # from glibc's malloc.h
LARGEST = 2**30  # bytes; the largest that mallopt takes is 2³¹ − 1


@functools.cache
def keep_memory() -> bool:
    """Ask the allocator to keep freed memory for the next step; False where it cannot be asked.

    The first `backward()` of a process does so: then it is training.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:  # not glibc
        return False
    return bool(mallopt(M_MMAP_THRESHOLD, LARGEST) and mallopt(M_TRIM_THRESHOLD, LARGEST))
