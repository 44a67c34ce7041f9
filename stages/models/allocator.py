"""Has glibc's allocator keep freed memory instead of giving it back to the system.

A training step frees and takes the same tensors again and again. By default glibc maps each large block anew,
and the system fills the block with zeros page by page, which takes a part of a small training's time.
"""

import ctypes
import sys

# parameters of mallopt(3), from malloc.h
TRIM_THRESHOLD, TOP_PAD, MMAP_THRESHOLD = -1, -2, -3
MMAP_BYTES = 32 << 20  # blocks up to this size come from the heap; glibc takes no larger threshold
TRIM_BYTES = 1 << 30  # so much free memory at the end of the heap is kept
PAD_BYTES = 64 << 20  # so much more than asked for is taken from the system at once


def keep_freed_memory() -> bool:
    """Sets the thresholds of malloc for this process; returns False, and changes nothing, without glibc."""
    if not sys.platform.startswith("linux"):
        return False
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "gnu_get_libc_version"):  # musl's mallopt does nothing
        return False
    settings = ((MMAP_THRESHOLD, MMAP_BYTES), (TRIM_THRESHOLD, TRIM_BYTES), (TOP_PAD, PAD_BYTES))
    accepted = [libc.mallopt(name, size) for name, size in settings]  # each is tried
    return all(accepted)
