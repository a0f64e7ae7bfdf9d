"""Memory as a process wants it that runs one model over and over; for its command line to decide.

glibc gives large tensors back to the kernel, which then clears every page anew: VGG-16 touches 18,000 new pages for
each frame, and waits for them for a tenth of its time. Memory that is kept is memory that others lack.

Python's collector looks through every object whenever enough new ones have stayed. torch and a loaded model are 400,000
that never go; meanwhile no frame moves and no heartbeat is answered.
"""

import ctypes
import gc
import sys

__all__ = ["keep_freed_memory", "spare_loaded_objects"]

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


def spare_loaded_objects() -> None:
    """Leaves everything that is loaded by now out of later garbage collections.

    Call it when the model is loaded and before frames flow: this one collection takes up to half a second. Cycles among
    these objects that become garbage later are never freed.
    """
    gc.collect()
    gc.freeze()
