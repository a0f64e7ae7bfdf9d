"""`KeptFolder`: files that are whole or not there, for several processes at once, the least recently used dropped.

A file that is in use is locked (shared, by its open descriptor): it is neither dropped nor replaced, because a running
session maps its weights from it. The time of the last use is the access time, which no checker of files looks at.
"""

import contextlib
import fcntl
import hashlib
import json
import logging
import os
import secrets
import shutil
import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from split_model.errors import ModelFileError

__all__ = ["MOST_BYTES", "KeptFile", "KeptFolder"]

MOST_BYTES = 4 * 1024**3
"""The most that a folder holds, unless it is told otherwise."""

_UNFINISHED = (".part", ".tmp", ".new")
_USED = ".used"
"""The file in a room whose lock and access time are the room's."""

_TRIES = 3  # another process may drop a room that was just found
_UNFINISHED_NS = 3600 * 10**9  # a file that nobody has finished by then was left by a process that ended
_OTHERS_MAY_WRITE = stat.S_IWGRP | stat.S_IWOTH

_log = logging.getLogger(__name__)


class KeptFile:
    """A kept file that stays in place until it is closed.

    Args:
        path: The file.
        file: It, opened and locked.

    Attributes:
        path: As given.
        file: As given.
    """

    def __init__(self, path: Path, file: IO[bytes]) -> None:
        self.path = path
        self.file = file

    def read(self) -> bytes:
        """Its bytes."""
        self.file.seek(0)
        return self.file.read()

    def close(self) -> None:
        """Lets it be dropped."""
        self.file.close()

    def __enter__(self) -> "KeptFile":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class KeptFolder:
    """A folder of kept files, which is made when something is kept.

    Args:
        path: The folder.
        most_bytes: The most that it holds.
    """

    def __init__(self, path: Path, most_bytes: int = MOST_BYTES) -> None:
        self.path = path
        self._most_bytes = most_bytes

    def use(self, name: str) -> KeptFile | None:
        """Opens a file; `None` if there is none, or none that this user alone may write."""
        path = self.path / name
        try:
            file = path.open("rb")
        except OSError:
            return None
        try:
            fcntl.flock(file, fcntl.LOCK_SH)
            status = os.fstat(file.fileno())
            if status.st_uid != os.getuid() or status.st_mode & _OTHERS_MAY_WRITE or not status.st_nlink:
                file.close()
                return None
            with contextlib.suppress(OSError):  # a read-only folder keeps what it has
                os.utime(path, ns=(time.time_ns(), status.st_mtime_ns))
        except OSError:
            file.close()
            return None
        return KeptFile(path, file)

    def add(self, name: str, write: Callable[[Path], None]) -> KeptFile | None:
        """Keeps a file, unless another process has kept it meanwhile.

        Args:
            name: Its name.
            write: Writes it to a path, which is not there yet.

        Returns:
            The file; `None` if it cannot be written there, which is logged.
        """
        try:
            with self._unfinished(name) as path:
                write(path)
                path.chmod(0o600)
                _put_if_missing(path, self.path / name)
        except (OSError, ModelFileError) as error:  # a full disk as the writer of a model file tells it, too
            _log.warning("%s is not kept in %s: %s", name, self.path, error)
            return None
        found = self.use(name)
        self._drop_oldest(name)
        return found

    def use_room(self, name: str) -> KeptFile | None:
        """A folder in this one, for as long as the answer is open; `None` if it cannot be made, which is logged."""
        room = self.path / name
        try:
            for _ in range(_TRIES):
                room.mkdir(mode=0o700, parents=True, exist_ok=True)
                with contextlib.suppress(FileExistsError):
                    (room / _USED).touch(mode=0o600, exist_ok=False)
                found = self.use(f"{name}/{_USED}")
                if found is not None:
                    self._drop_oldest(name)
                    return KeptFile(room, found.file)
        except OSError as error:
            _log.warning("nothing is kept in %s: %s", room, error)
        return None

    def read_json(self, name: str) -> Any:  # noqa: ANN401  # whatever was written
        """What `write_json` wrote; `None` if there is nothing, or it is damaged."""
        found = self.use(name)
        if found is None:
            return None
        with found:
            data = found.read()
        digest, _, text = data.partition(b"\n")
        if hashlib.sha256(text).hexdigest().encode() != digest:
            self.is_damaged(name)
            return None
        return json.loads(text)

    def write_json(self, name: str, value: Any) -> None:  # noqa: ANN401  # whatever JSON holds
        """Keeps a value, in place of an earlier one."""
        text = json.dumps(value, sort_keys=True).encode()
        try:
            with self._unfinished(name) as path:
                path.write_bytes(hashlib.sha256(text).hexdigest().encode() + b"\n" + text)
                path.chmod(0o600)
                path.replace(self.path / name)
        except OSError as error:
            _log.warning("%s is not kept in %s: %s", name, self.path, error)
        self._drop_oldest(name)

    def is_damaged(self, name: str, why: object = "its checksum is another") -> None:
        """Drops a file that is not what was kept, so that it is made again."""
        _log.warning("%s in %s is damaged (%s), so it is made again", name, self.path, why)
        with contextlib.suppress(OSError):
            (self.path / name).unlink()

    @contextlib.contextmanager
    def _unfinished(self, name: str) -> Iterator[Path]:
        """A path beside the file, for as long as it is written."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self.path / f"{name}.{secrets.token_hex(4)}{_UNFINISHED[0]}"
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)

    def _drop_oldest(self, but: str) -> None:
        """Makes place: what nobody has used for longest goes first."""
        with contextlib.suppress(OSError):
            held = sorted(self._held(), key=lambda entry: entry.used_ns)
            total = sum(entry.bytes for entry in held)
            for entry in held:
                is_left = entry.path.suffix in _UNFINISHED and time.time_ns() - entry.used_ns > _UNFINISHED_NS
                if (is_left or total > self._most_bytes) and entry.path.name != but and _dropped(entry.path):
                    total -= entry.bytes

    def _held(self) -> Iterator["_Held"]:
        for path in self.path.iterdir():
            with contextlib.suppress(OSError):  # another process dropped it
                if path.is_dir():
                    sizes = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
                    yield _Held(path, (path / _USED).stat().st_atime_ns, sizes)
                else:
                    status = path.stat()
                    yield _Held(path, status.st_atime_ns, status.st_size)


@dataclass(frozen=True, slots=True)
class _Held:
    """What lies in the folder: a file or a room, its last use, and its bytes."""

    path: Path
    used_ns: int
    bytes: int


def _put_if_missing(made: Path, place: Path) -> None:
    try:
        place.hardlink_to(made)
    except FileExistsError:
        return
    except OSError:  # a file system without hard links
        if not place.exists():
            made.rename(place)


def _dropped(path: Path) -> bool:
    """Drops a file or a room that no process uses."""
    is_room = path.is_dir()
    with contextlib.suppress(OSError), (path / _USED if is_room else path).open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if is_room:
            shutil.rmtree(path)
        else:
            path.unlink()
        return True
    return False
