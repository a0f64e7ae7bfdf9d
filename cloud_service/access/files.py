"""Detects changed files by their time, size and inode, without reading them."""

from collections.abc import Iterable
from pathlib import Path

Stamp = tuple[int, int, int] | None


class ChangeWatch:
    """Detects changes of files, which need not exist.

    Args:
        paths: The files; their present state is the first to compare with.
    """

    def __init__(self, paths: Iterable[Path]) -> None:
        self._paths = tuple(paths)
        self._seen = self._stamps()

    def changed(self) -> bool:
        """Return whether any file has changed since the last call."""
        before, self._seen = self._seen, self._stamps()
        return self._seen != before

    def _stamps(self) -> tuple[Stamp, ...]:
        return tuple(map(_stamp, self._paths))


def _stamp(path: Path) -> Stamp:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
