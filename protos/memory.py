"""Memory that is kept instead of being given back.

A frame's messages are blocks of megabytes, allocated and freed again for every frame. glibc by default gives such
blocks back to the kernel at once, and the next frame pays for fresh pages: zeroed by the kernel, and mapped one fault
at a time. Kept, they are used again (docs/decisions/0020).
"""

import ctypes

_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_KEPT_BYTES = 512 * 1024 * 1024
_MMAP_BYTES = (128 * 1024 * 1024, 32 * 1024 * 1024)  # some versions of glibc take no more than 32 MiB


def keep_freed_memory() -> bool:
    """Have the allocator keep up to 512 MiB of freed memory for this process; call it once, early.

    The process then stays as large as it once had to be. Torch's own allocations gain from it too.

    Returns:
        Whether the allocator could be told; False where it is not glibc's.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    mallopt.argtypes, mallopt.restype = (ctypes.c_int, ctypes.c_int), ctypes.c_int
    mapped = any(mallopt(_M_MMAP_THRESHOLD, size) for size in _MMAP_BYTES)
    return bool(mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)) and mapped
