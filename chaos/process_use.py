"""The memory, threads and file descriptors of a process, as Linux counts them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Use", "use_of"]

_PAGE_BYTES = os.sysconf("SC_PAGESIZE")


@dataclass(frozen=True, slots=True)
class Use:
    """One measurement.

    Attributes:
        resident_bytes: Resident memory.
        threads: Kernel threads.
        descriptors: Open files and sockets.
    """

    resident_bytes: int
    threads: int
    descriptors: int


def use_of(pid: int) -> Use:
    """Measure a process.

    Raises:
        FileNotFoundError: The process has ended, or this is not Linux.
    """
    process = Path("/proc", str(pid))
    resident = int((process / "statm").read_text(encoding="ascii").split()[1]) * _PAGE_BYTES
    return Use(resident, len(list((process / "task").iterdir())), len(list((process / "fd").iterdir())))
