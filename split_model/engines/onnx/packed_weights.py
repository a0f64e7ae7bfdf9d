"""Packed weights in files named by their content, which all sessions of a machine map and share.

Each session of ONNX Runtime makes its own copy of the weights, reordered for the processor. Here a part is optimised
once, and the runtime writes what it made: the fused nodes and the reordered weights. Each weight goes into a file named
by the hash of its content, so parts that made the same have one copy, on disk and in memory. A session of the fused
part then maps these files and takes next to no memory and time.

Laws: a file is complete when it has its name; its content is checked once in each process; nothing is changed later. Of
the parts, those used last are kept; weights are kept up to a number of bytes, because a cut changes only few of them.
"""

import hashlib
import os
import re
import shutil
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from math import inf
from pathlib import Path
from threading import RLock
from time import time
from typing import TYPE_CHECKING, Any, BinaryIO

from split_model.engines.onnx.network import tensors_of
from split_model.errors import ModelError

if TYPE_CHECKING:
    import onnx

__all__ = ["PackedWeights"]

_PAGE = 4096
_STALE_S = 3600.0
_PACKED = re.compile(r"prepacked_\d+")
_NAME = re.compile(r"[0-9a-f]{64}\.bin")


class PackedWeights:
    """A folder of packed weights and of the parts that read them; several threads and processes may use it.

    Args:
        folder: The folder, which is made when first needed; `None`: a temporary one, until `close`.
        most_bytes: Bytes of all weights in it.
        most_parts: Parts in it.

    Attributes:
        closed: Whether it was closed.
    """

    def __init__(self, folder: Path | None, *, most_bytes: float = inf, most_parts: int = 512) -> None:
        self._folder = folder
        self._most_bytes = most_bytes
        self._most_parts = most_parts
        self._lasting = folder is not None
        self._checked: set[str] = set()
        self._swept = False
        self._users = 0
        self._temporary: list[Path] = []
        # Made before the finalizer of whoever closes this, so at the end of the process it runs after that.
        weakref.finalize(self, _remove_all, self._temporary)
        self.closed = False
        self._lock = RLock()  # `close` may be called by the garbage collector, in any thread and at any line

    @property
    def folder(self) -> Path:
        """The folder.

        Raises:
            OSError: It cannot be made.
        """
        with self._lock:
            if self._folder is None:
                self._folder = Path(tempfile.mkdtemp(prefix="dads-weights-"))
                self._temporary.append(self._folder)
            if self._lasting:
                self._folder.mkdir(parents=True, exist_ok=True)
            if not self._swept:
                self._swept = True
                _sweep(self._folder)
            return self._folder

    @contextmanager
    def in_use(self) -> Iterator[bool]:
        """Keeps the folder in place meanwhile, also over a `close`; gives whether there is one: not after that."""
        with self._lock:
            is_open = not self.closed
            self._users += is_open
        try:
            yield is_open
        finally:
            with self._lock:
                self._users -= is_open
                self._remove_if_done()

    def get(self, key: str) -> "onnx.ModelProto | None":
        """The fused part of a key; `None` if it is missing, or it or a file of its weights is damaged."""
        import onnx  # noqa: PLC0415  # a model without this engine needs no onnx
        from google.protobuf.message import DecodeError  # noqa: PLC0415

        try:
            path = self.folder / f"{key}.part"
            data = path.read_bytes()
            os.utime(path)
            if hashlib.sha256(data[32:]).digest() != data[:32]:
                return None
            model = onnx.ModelProto.FromString(data[32:])
            names = {entry.value for tensor in _external(model) for entry in tensor.external_data if _locates(entry)}
            return model if all(map(self._is_whole, names)) else None
        except (OSError, DecodeError):
            return None

    def put(self, key: str, model: "onnx.ModelProto", source: Path) -> None:
        """Keeps a fused part and its weights.

        Args:
            key: The name of the part.
            model: The part, as ONNX Runtime wrote it; its weights are in this folder then.
            source: The file of weights that it wrote.

        Raises:
            OSError: The folder cannot be written.
            ModelError: The part refers to other files than `source`, or its weights find no room.
        """
        with source.open("rb") as weights:
            for tensor in _external(model):
                self._move(tensor, weights, source.name)
        data = model.SerializeToString()
        self._write(self.folder / f"{key}.part", (hashlib.sha256(data).digest(), data))
        self._forget_old_parts()

    def close(self) -> None:
        """Removes a temporary folder, when nothing uses it; sessions keep what they have mapped.

        Nothing is packed any more. The end of the process waits for no user.
        """
        with self._lock:
            self.closed = True
            self._remove_if_done()

    def _remove_if_done(self) -> None:
        if self.closed and not self._users:
            _remove_all(self._temporary)

    def _forget_old_parts(self) -> None:
        with suppress(OSError):  # another process did
            parts = sorted(self.folder.glob("*.part"), key=lambda path: path.stat().st_mtime_ns)
            for path in parts[: max(0, len(parts) - self._most_parts)]:
                path.unlink()

    def _move(self, tensor: Any, weights: BinaryIO, expected: str) -> None:  # noqa: ANN401  # made at run time
        entries: dict[str, str] = {entry.key: entry.value for entry in tensor.external_data}
        if entries.get("location") != expected:
            raise ModelError(f"weight {tensor.name!r} is in {entries.get('location')!r}; expected {expected!r}")
        pieces = [_read(weights, int(entries["offset"]), int(entries["length"]))]
        moved = {"offset": "0", "length": entries["length"]}
        end = len(pieces[0])
        for key in filter(_PACKED.fullmatch, entries):
            kernel, *places = entries[key].split("|")
            for number, place in enumerate(places):
                offset, length, checksum = place.split(";")
                start = end + -end % _PAGE
                pieces += [bytes(start - end), _read(weights, int(offset), int(length))]
                end = start + int(length)
                places[number] = f"{start};{length};{checksum}"
            moved[key] = "|".join((kernel, *places))
        del tensor.external_data[:]
        tensor.external_data.add(key="location", value=self._kept(pieces))
        for key, value in moved.items():
            tensor.external_data.add(key=key, value=value)

    def _kept(self, pieces: list[bytes]) -> str:
        """The name of the file with this content, which is written if it is missing or damaged."""
        digest = hashlib.sha256()
        for piece in pieces:
            digest.update(piece)
        name = f"{digest.hexdigest()}.bin"
        if not self._is_whole(name):
            held = sum(path.stat().st_size for path in self.folder.glob("*.bin"))
            if held + sum(map(len, pieces)) > self._most_bytes:
                raise ModelError(f"there are {held} bytes of packed weights, of at most {self._most_bytes:.0f}")
            self._write(self.folder / name, pieces)
            self._checked.add(name)
        return name

    def _is_whole(self, name: str) -> bool:
        if name in self._checked:
            return True
        if _NAME.fullmatch(name) is None:
            return False
        try:
            with (self.folder / name).open("rb") as file:
                whole = hashlib.file_digest(file, "sha256").hexdigest() == name.removesuffix(".bin")
        except OSError:
            return False
        if whole:
            self._checked.add(name)
        return whole

    def _write(self, path: Path, pieces: Iterator[bytes] | list[bytes] | tuple[bytes, ...]) -> None:
        handle, temporary = tempfile.mkstemp(dir=self.folder, prefix=".", suffix=".new")
        try:
            with os.fdopen(handle, "wb") as file:
                file.writelines(pieces)
                if self._lasting:
                    file.flush()
                    os.fsync(file.fileno())
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise


def _remove_all(folders: list[Path]) -> None:
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def _sweep(folder: Path) -> None:
    """Removes what processes that were killed left half written."""
    for path in folder.glob(".*"):
        with suppress(OSError):  # another process did
            if time() - path.stat().st_mtime > _STALE_S:
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def _external(model: "onnx.ModelProto") -> Iterator[Any]:
    return (tensor for tensor in tensors_of(model.graph) if tensor.external_data)


def _locates(entry: Any) -> bool:  # noqa: ANN401
    return bool(entry.key == "location")


def _read(file: BinaryIO, offset: int, length: int) -> bytes:
    file.seek(offset)
    data = file.read(length)
    if len(data) != length:
        raise ModelError(f"the runtime wrote {len(data)} of {length} bytes of a weight: the disk may be full")
    return data
