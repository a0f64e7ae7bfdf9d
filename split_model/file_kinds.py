"""What kind of file another file is, in words, and how to make the right one of it; nothing in it is run.

Files may be hostile: what is read of one is bounded.
"""

import io
import pickletools
import zipfile
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import IO, BinaryIO

from split_model.errors import ModelFileError, UnknownModelError
from split_model.zip_directory import ZIP_ERRORS, directory_start

__all__ = ["DEFINITION", "EXPORT", "MODEL_FILE", "check_exported", "kind_of_file"]

DEFINITION = "dads.json"
"""The member that makes a zip archive a model file."""

MODEL_FILE = "a model file of `dads export`: call it MODEL.dads, and load `file:MODEL.dads`"
"""The kind of such a file."""

EXPORT = "torch.export.save(torch.export.export(module.eval(), example_inputs), PATH)"
"""How to write a file of torch.export."""

_PICKLE = b"\x80"
_INCOMPLETE = {
    b"PK\x03\x04": "a zip archive that ends too early: copy or download it again",
    b"version https://git-lfs": "a pointer of Git LFS: fetch the file itself with `git lfs pull`",
}
_PLAIN = ("collections", "torch", "numpy", "_codecs", "builtins", "__builtin__")
_MODULES = ("torch.nn.modules", "torch.fx", "torch.export", "torch.jit")
_MOST_START_BYTES = 4096
_MOST_PICKLE_BYTES = 4 << 20
_MOST_DIRECTORY_BYTES = 8 << 20
_DAMAGED = "a zip archive that is damaged: copy or download it again"


def check_exported(path: Path) -> None:
    """Checks what can be told of a file of torch.export without torch.

    Raises:
        UnknownModelError: No such file, or one that torch.export did not write.
    """
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "is missing"
        raise UnknownModelError(f"no model file {str(path)!r}: it {what}; expected one that torch.export.save wrote")
    kind = kind_of_file(path)
    if kind is not None:
        raise UnknownModelError(f"{str(path)!r} is not a file that torch.export.save wrote: it is {kind}")


def kind_of_file(path: Path, export: str = EXPORT) -> str | None:
    """What a file is and how to make the right one of it; `None` if torch.export may have written it.

    Args:
        path: The file.
        export: How the right one is written.
    """
    with path.open("rb") as file:
        if _is_zip(file):
            return _kind_of_zip(file, export)
        file.seek(0)
        start = file.read(64)
        if _is_safetensors(file, start):
            return f"weights alone (safetensors): load them into their module in a factory, or export it: {export}"
        incomplete = next((what for sign, what in _INCOMPLETE.items() if start.startswith(sign)), None)
        if incomplete is not None:
            return incomplete
        if start.startswith(_PICKLE):
            file.seek(0)
            return _kind_of_pickle(file, export)
    if path.suffix == ".onnx":
        return f"an ONNX model: load the PyTorch module it was made of, and export that: {export}"
    return f"of an unknown kind: {export} writes the right one"


def _is_zip(file: BinaryIO) -> bool:
    try:
        return directory_start(file, file.seek(0, io.SEEK_END), _MOST_DIRECTORY_BYTES) >= 0
    except ModelFileError:
        return False


def _kind_of_zip(file: BinaryIO, export: str) -> str | None:
    try:
        return _kind_of_archive(file, export)
    except ZIP_ERRORS:
        return _DAMAGED


def _kind_of_archive(file: BinaryIO, export: str) -> str | None:
    with zipfile.ZipFile(file) as archive:
        names = archive.namelist()
        if DEFINITION in names:
            return MODEL_FILE
        ends = {name.partition("/")[2] for name in names} | set(names)
        if "constants.pkl" in ends and any("code/" in name for name in names):
            return f"TorchScript: load the Python module it was made of, and export that: {export}"
        if any("aotinductor" in name for name in names):
            return f"a model that AOTInductor compiled, which has no layers any more; export it: {export}"
        pickled = next((name for name in names if name.endswith("data.pkl")), None)
        is_export = any(name.endswith((".json", "archive_format", "archive_version")) for name in names)
        if pickled is not None and not is_export:
            with archive.open(pickled) as member:
                return _kind_of_pickle(member, export)
    return None


def _kind_of_pickle(file: IO[bytes], export: str) -> str:
    """Reads the names in a pickle; runs nothing of it."""
    names = list(_globals(file))
    modules = [f"{module}.{name}" for module, name in names if module.startswith(_MODULES)]
    others = [f"{module}.{name}" for module, name in names if module.partition(".")[0] not in _PLAIN]
    if modules:
        return (
            f"a pickled module of class {(others or modules)[0]}, which runs code when it is read: read it in a "
            "factory, `package.module:factory`, and return (module, example_inputs)"
        )
    if others:
        return (
            f"a checkpoint that holds {others[0]} too, which runs code when it is read: read it in a factory, "
            "`package.module:factory`, and load its weights into their module"
        )
    if any(module.startswith("torch") for module, _ in names):
        return f"weights alone (a state_dict): load them into their module in a factory, or export it: {export}"
    return f"a pickle without tensors; expected {export}"


def _globals(file: IO[bytes]) -> Iterator[tuple[str, str]]:
    """The classes and functions that a pickle names, in order."""
    strings: deque[str] = deque(maxlen=2)
    data = io.BytesIO(file.read(_MOST_PICKLE_BYTES))
    try:
        while True:  # torch.save once wrote several pickles into one file, and tensors behind them
            for opcode, argument, _ in pickletools.genops(data):
                if opcode.name == "GLOBAL":
                    module, _, name = str(argument).partition(" ")
                    yield module, name
                elif opcode.name == "STACK_GLOBAL" and len(strings) > 1:
                    yield strings[0], strings[1]
                elif isinstance(argument, str):
                    strings.append(argument)
    except ValueError:  # the end, or no pickle any more
        return


def _is_safetensors(file: IO[bytes], start: bytes) -> bool:
    """Whether the file begins with a size, and JSON that describes tensors."""
    file.seek(0)
    size = int.from_bytes(start[:8], "little")
    header = file.read(_MOST_START_BYTES)[8:][:size]
    return header.startswith(b"{") and any(word in header for word in (b'"dtype"', b'"__metadata__"'))
