"""`write_model_file`: a model in one file, which is there whole or not at all; equal models give equal bytes."""

import hashlib
import os
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

import onnx

from split_model.definition import Definition
from split_model.errors import ModelFileError, UnsupportedModelError
from split_model.model_file.arrays import arrays_bytes
from split_model.model_file.contents import ContentsJson, MemberJson
from split_model.model_file.definition_json import definition_json
from split_model.model_file.external_weights import Placed, data_of, without_weights
from split_model.model_file.layout import (
    ARRAYS,
    DEFINITION,
    EXTRA,
    EXTRA_NAME,
    FILE_ALIGNMENT,
    FORMAT,
    MOST_BYTES,
    MOST_EXTRA_BYTES,
    NETWORK,
    VERSION,
    WEIGHTS,
)
from split_model.model_file.network_names import check_names
from split_model.structure import Tree

__all__ = ["MOST_PLAIN_BYTES", "write_model_file"]

_TIME = (1980, 1, 1, 0, 0, 0)
_UNIX = 3
_PADDING = b"\xda\xd5"  # the kind of an extra field that only fills; no registered one
MOST_PLAIN_BYTES = 1 << 30
"""Weights of more bytes get the longer header of zip64; above 1.9 GiB zipfile would choose it by itself."""


def write_model_file(
    path: str | os.PathLike[str],
    definition: Definition,
    network: onnx.ModelProto,
    example_inputs: tuple[Tree, ...],
    *,
    extra: Mapping[str, bytes] | None = None,
    check: Callable[[Path], None] = lambda _: None,
) -> None:
    """Writes a model file; one of that name is replaced, once the new one is complete.

    Args:
        path: The file, by custom `MODEL.dads`.
        definition: What the model is.
        network: Its network with its weights in memory, whose values are called as `split_model.engines.onnx.names`
            says.
        example_inputs: Arrays or tensors, nested as the inputs of a call.
        extra: Whatever else belongs to the model, by name: lower-case letters, digits, `.`, `_` and `-`.
        check: Called with the complete file before it has its name; what it raises leaves none.

    Raises:
        UnsupportedModelError: The model has something that a model file cannot hold; the message says what.
        ModelFileError: The file cannot be written.
    """
    target = Path(os.path.realpath(path))
    slim, placed = without_weights(network)
    try:
        check_names(slim, definition)
        definition_in_json = definition_json(definition)
    except (ModelFileError, ValueError) as error:  # pydantic's, such as of a text that is none
        raise UnsupportedModelError(f"no model file can be made of this model: {error}") from error
    members = {
        NETWORK: slim.SerializeToString(deterministic=True),
        ARRAYS: arrays_bytes(definition, example_inputs),
        **{f"{EXTRA}{name}": data for name, data in sorted((extra or {}).items())},
    }
    _check_sizes(members)
    temporary = target.with_name(f".{target.name}.{uuid4().hex}.tmp")
    try:
        with temporary.open("xb") as file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
                described = {WEIGHTS: _write_weights(archive, file, placed)}
                described |= {name: _described(data) for name, data in members.items()}
                contents = ContentsJson(
                    format=FORMAT, version=VERSION, members=described, definition=definition_in_json
                )
                for name, data in {DEFINITION: _json(contents), **members}.items():
                    archive.writestr(_info(name), data)
            file.flush()
            os.fsync(file.fileno())
        check(temporary)
        temporary.replace(target)
    except OSError as error:
        raise ModelFileError(f"the model file {str(target)!r} cannot be written: {error.strerror or error}") from error
    finally:
        temporary.unlink(missing_ok=True)


def _check_sizes(members: Mapping[str, bytes]) -> None:
    for name, data in members.items():
        if name.startswith(EXTRA) and not EXTRA_NAME.fullmatch(name.removeprefix(EXTRA)):
            raise UnsupportedModelError(f"{name!r} cannot be in a model file; expected a name such as `encodings.json`")
        most = MOST_BYTES.get(name, MOST_EXTRA_BYTES)
        if len(data) > most:
            raise UnsupportedModelError(f"{name} has {len(data)} bytes; a model file holds at most {most}")


def _json(contents: ContentsJson) -> bytes:
    data = contents.model_dump_json(exclude_defaults=True).encode()
    _check_sizes({DEFINITION: data})
    return data


def _write_weights(archive: zipfile.ZipFile, file: BinaryIO, placed: tuple[Placed, ...]) -> MemberJson:
    """Writes the weights one after the other; the field before them fills the file up to their alignment."""
    size = placed[-1].offset + placed[-1].length if placed else 0
    info = _info(WEIGHTS)
    info.file_size, info.compress_size, info.CRC = size, 0, 0
    zip64 = size > MOST_PLAIN_BYTES
    header_bytes = len(info.FileHeader(zip64)) + len(_PADDING) + 2
    filling = -(file.tell() + header_bytes) % FILE_ALIGNMENT
    info.extra = _PADDING + filling.to_bytes(2, "little") + bytes(filling)
    sha = hashlib.sha256()
    with archive.open(info, "w", force_zip64=zip64) as member:
        for data in _stream(placed):
            sha.update(data)
            member.write(data)
    info.extra = b""  # the directory at the end repeats it otherwise
    return MemberJson(bytes=size, sha256=sha.hexdigest())


def _stream(placed: Iterable[Placed]) -> Iterator[bytes | memoryview]:
    end = 0
    for place in placed:
        yield bytes(place.offset - end)
        yield data_of(place)
        end = place.offset + place.length


def _described(data: bytes) -> MemberJson:
    return MemberJson(bytes=len(data), sha256=hashlib.sha256(data).hexdigest())


def _info(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, _TIME)
    info.create_system = _UNIX
    info.external_attr = 0o644 << 16
    return info
