"""glibc's allocator, told to keep what a model will want again with the next frame.

By default large tensors come straight from the kernel and go back to it, which then clears every page anew: VGG-16
touches 18,000 new pages for each frame, and waits for them for a tenth of its time. Memory that is kept is memory that
others lack, so this is for processes that run a model over and over, and for their command line to decide.
"""

import ctypes
import sys

__all__ = ["keep_freed_memory"]

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD = -1, -2, -3  # of malloc.h
_LARGEST = 2**31 - 1
_LARGEST_OF_OLD = 32 * 1024 * 1024  # glibc before 2.35 takes no more
_GROWTH_BYTES = 64 * 1024 * 1024


def keep_freed_memory() -> bool:
    """Makes freed memory stay with this process, to be used again without asking the kernel.

    Call it once, before anything is loaded. It holds for the whole process and every thread, and cannot be undone.

    Returns:
        Whether it was done: only glibc has these settings.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    kept = any(mallopt(_M_MMAP_THRESHOLD, size) for size in (_LARGEST, _LARGEST_OF_OLD))
    return bool(kept and mallopt(_M_TRIM_THRESHOLD, _LARGEST) and mallopt(_M_TOP_PAD, _GROWTH_BYTES))
