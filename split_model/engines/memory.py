"""Memory settings for a process that runs one model repeatedly; the program decides whether to use them.

glibc returns the memory of large tensors to the kernel, which clears every page again: VGG-16 causes 18,000 page faults
per frame, which take a tenth of its time. Memory that the process keeps is not available to other processes.

Python's garbage collector traverses all objects when enough new ones have survived. torch and a loaded model have
400,000 objects that are never freed; during a collection no frame is processed and no heartbeat is answered.
"""

import ctypes
import gc
import sys

__all__ = ["give_back_freed_memory", "keep_freed_memory", "share_one_heap", "spare_loaded_objects"]

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -2, -3, -8  # of malloc.h
_LARGEST = 2**31 - 1
_LARGEST_OF_OLD = 32 * 1024 * 1024  # the limit of glibc before 2.35
_GROWTH_BYTES = 64 * 1024 * 1024


def keep_freed_memory() -> bool:
    """Makes malloc keep freed memory in this process for reuse.

    Call it before a model runs, and after torch is imported, which undoes it. It affects every thread of the process.

    Returns:
        Whether the settings took effect; only glibc has them.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    kept = any(mallopt(_M_MMAP_THRESHOLD, size) for size in (_LARGEST, _LARGEST_OF_OLD))
    return bool(kept and mallopt(_M_TRIM_THRESHOLD, _LARGEST) and mallopt(_M_TOP_PAD, _GROWTH_BYTES))


def share_one_heap() -> bool:
    """Makes the threads that start from now on allocate from one heap, where glibc would give them one each.

    Each heap keeps what was freed in it. One thread computes on an edge, so the threads seldom wait for each other; and
    its peak of memory was 308 MB with several heaps, 272 with one (EfficientNet-Lite0 from a model file).

    Returns:
        Whether the setting took effect; only glibc has it.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and bool(mallopt(_M_ARENA_MAX, 1))


def give_back_freed_memory() -> None:
    """Returns freed memory to the kernel, whatever `keep_freed_memory` said, where the C library can (glibc).

    For rare work that takes much more memory than a frame, and leaves it freed but resident, for each thread apart.
    """
    if sys.platform.startswith("linux"):
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)


def spare_loaded_objects() -> None:
    """Collects garbage once, and excludes all objects that exist now from later collections.

    Call it after the model is loaded and before the first frame, because this collection takes up to half a second.
    Reference cycles among these objects are never freed.
    """
    gc.collect()
    gc.freeze()
