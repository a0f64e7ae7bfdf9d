"""Reads a file that torch.export wrote; another one is named by its kind, and nothing in it is run to find that out."""

import json
import pickletools
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import torch

from split_model.errors import UnknownModelError, UnsupportedModelError
from split_model.pytorch.source import Source
from split_model.trace.export import quiet
from split_model.trace.refusals import line

__all__ = ["kind_of_file", "read_file"]

_EXPORT = "torch.export.save(torch.export.export(module.eval(), example_inputs), PATH)"
_PICKLE = b"\x80"
_INCOMPLETE = {
    b"PK\x03\x04": "a zip archive that ends too early: copy or download it again",
    b"version https://git-lfs": "a pointer of Git LFS: fetch the file itself with `git lfs pull`",
}
_PLAIN = ("collections", "torch", "numpy", "_codecs", "builtins", "__builtin__")
_MODULES = ("torch.nn.modules", "torch.fx", "torch.export", "torch.jit")
_MOST_HEADER_BYTES = 100 * 1024 * 1024


def read_file(path: Path) -> Source:
    """The module in a file, with its example inputs.

    Raises:
        UnknownModelError: No such file, or one that torch.export did not write.
        UnsupportedModelError: It holds no example inputs.
    """
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "is missing"
        raise UnknownModelError(f"no model file {str(path)!r}: it {what}; expected one that torch.export.save wrote")
    kind = kind_of_file(path)
    if kind is not None:
        raise UnknownModelError(f"{str(path)!r} is not a file that torch.export.save wrote: it is {kind}")
    try:
        with quiet():
            program = torch.export.load(path)
    except Exception as error:  # errors of many types, from zip, JSON and schemas
        raise UnknownModelError(
            f"{str(path)!r} is not a file that torch.export.save wrote, or of another torch than {torch.__version__}: "
            f"{line(error)}; write it again: {_EXPORT}"
        ) from error
    if program.example_inputs is None:
        raise UnsupportedModelError(f"{str(path)!r} holds no example inputs, which fix the shapes; write it: {_EXPORT}")
    args, kwargs = program.example_inputs
    return Source(program.module(), (*args, *kwargs.values()), keywords=tuple(kwargs))


def kind_of_file(path: Path) -> str | None:
    """What a file is and how to make the right one of it; `None` if torch.export may have written it."""
    if zipfile.is_zipfile(path):
        return _kind_of_zip(path)
    with path.open("rb") as file:
        start = file.read(64)
        if _is_safetensors(file, start):
            return f"weights alone (safetensors): load them into their module in a factory, or export it: {_EXPORT}"
        incomplete = next((what for sign, what in _INCOMPLETE.items() if start.startswith(sign)), None)
        if incomplete is not None:
            return incomplete
        if start.startswith(_PICKLE):
            file.seek(0)
            return _kind_of_pickle(file)
    if path.suffix == ".onnx":
        return f"an ONNX model: load the PyTorch module it was made of, and export that: {_EXPORT}"
    return f"of an unknown kind: {_EXPORT} writes the right one"


def _kind_of_zip(path: Path) -> str | None:
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        ends = {name.partition("/")[2] for name in names} | set(names)
        if "constants.pkl" in ends and any("code/" in name for name in names):
            return f"TorchScript: load the Python module it was made of, and export that: {_EXPORT}"
        if any("aotinductor" in name for name in names):
            return f"a model that AOTInductor compiled, which has no layers any more; export it: {_EXPORT}"
        pickled = next((name for name in names if name.endswith("data.pkl")), None)
        is_export = any(name.endswith((".json", "archive_format", "archive_version")) for name in names)
        if pickled is not None and not is_export:
            with archive.open(pickled) as file:
                return _kind_of_pickle(file)
    return None


def _kind_of_pickle(file: IO[bytes]) -> str:
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
        return f"weights alone (a state_dict): load them into their module in a factory, or export it: {_EXPORT}"
    return f"a pickle without tensors; expected {_EXPORT}"


def _globals(file: IO[bytes]) -> Iterator[tuple[str, str]]:
    """The classes and functions that a pickle names, in order."""
    strings: list[str] = []
    try:
        while True:  # torch.save once wrote several pickles into one file, and tensors behind them
            for opcode, argument, _ in pickletools.genops(file):
                if opcode.name == "GLOBAL":
                    module, _, name = str(argument).partition(" ")
                    yield module, name
                elif opcode.name == "STACK_GLOBAL" and len(strings) > 1:
                    yield strings[-2], strings[-1]
                elif isinstance(argument, str):
                    strings.append(argument)
    except ValueError:  # the end, or no pickle any more
        return


def _is_safetensors(file: IO[bytes], start: bytes) -> bool:
    size = int.from_bytes(start[:8], "little")
    if start[8:9] != b"{" or size > _MOST_HEADER_BYTES:
        return False
    file.seek(8)
    try:
        return isinstance(json.loads(file.read(size)), dict)
    except ValueError:
        return False
