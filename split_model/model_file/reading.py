"""`open_model_file`: a model file's parts, each checked before it is used; nothing in it is run.

The weights are not read, only compared with their checksum: who runs the network maps them from the file.
"""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import onnx
from google.protobuf.message import DecodeError

from split_model.definition import Definition
from split_model.errors import ModelFileError
from split_model.file_kinds import MODEL_FILE, kind_of_file
from split_model.model_file.archive import Member, members_of, read_member
from split_model.model_file.arrays import check_arrays, constants_in, example_inputs_in, read_arrays
from split_model.model_file.contents import ContentsJson, contents_of
from split_model.model_file.definition_json import definition_of
from split_model.model_file.external_weights import check_external
from split_model.model_file.layout import (
    ARRAYS,
    DEFINITION,
    EXTRA,
    EXTRA_NAME,
    FILE_ALIGNMENT,
    MOST_BYTES,
    MOST_EXTRA_BYTES,
    MOST_MEMBERS,
    NETWORK,
    WEIGHTS,
)
from split_model.model_file.network_names import check_names
from split_model.structure import Tree

__all__ = ["ModelFile", "open_model_file"]

_CHUNK_BYTES = 1 << 20
_MOST_REASON = 500
_EXPORT = "dads export MODEL -o MODEL.dads"

_Identity = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A model file that was read. It must stay in place while it is used: the weights are mapped from it.

    Attributes:
        path: The file itself, absolute and without symbolic links.
        definition: What the model is.
        example_inputs: Arrays, nested as the inputs of a call.
        network: The network; its weights' external data are relative to `weights.bin`. Copy it before a change.
        weights_start: Of `weights.bin`, in bytes from the file's beginning.
        weights_bytes: Its size.
    """

    path: Path
    definition: Definition
    example_inputs: tuple[Tree, ...]
    network: onnx.ModelProto = field(repr=False)
    weights_start: int
    weights_bytes: int
    _extra: Mapping[str, bytes] = field(repr=False)
    _identity: _Identity = field(repr=False)

    def extra(self, name: str) -> bytes | None:
        """Whatever was written under this name; `None` if nothing was."""
        return self._extra.get(name)

    def check_unchanged(self) -> None:
        """Call it before the weights are mapped again.

        Raises:
            ModelFileError: The file was replaced, changed or deleted since it was read.
        """
        try:
            found = _identity(self.path.stat())
        except OSError as error:
            raise ModelFileError(f"the model file {str(self.path)!r} is in use, and is not there any more") from error
        if found != self._identity:
            raise ModelFileError(f"the model file {str(self.path)!r} was changed while it was in use: start again")


def open_model_file(path: str | os.PathLike[str], *, verify_weights: bool = True) -> ModelFile:
    """Reads a model file.

    Args:
        path: The file.
        verify_weights: Whether the weights are compared with their SHA-256, which takes 0.07 s for 100 MB on x86-64.
            Without that, damage in them is not noticed.

    Raises:
        ModelFileError: It is missing, damaged, cut short, or of another kind or version.
    """
    real = Path(os.path.realpath(path))
    if not real.is_file():
        what = "is a folder" if real.is_dir() else "is missing"
        raise ModelFileError(f"no model file {str(path)!r}: it {what}; expected one that `dads export` wrote")
    try:
        with real.open("rb") as file:
            return _read(real, file, verify_weights)
    except (OSError, ModelFileError) as error:
        reason = " ".join(str(error).split())[:_MOST_REASON]  # it may quote names from the file
        raise ModelFileError(f"the model file {str(path)!r} cannot be read: {reason}") from error


def _read(path: Path, file: BinaryIO, verify_weights: bool) -> ModelFile:
    status = os.fstat(file.fileno())
    members = _members_of(path, file, status.st_size)
    contents = contents_of(read_member(file, members[DEFINITION], MOST_BYTES[DEFINITION]))
    _check_members(contents, members)
    weights = members[WEIGHTS]
    small = {
        name: _small_member(file, member, contents)
        for name, member in members.items()
        if name not in {DEFINITION, WEIGHTS}
    }
    arrays = read_arrays(small.pop(ARRAYS))
    definition = definition_of(contents.definition, constants_in(arrays))
    check_arrays(arrays, definition)
    network = _network_of(small.pop(NETWORK))
    check_external(network, weights.size)
    check_names(network, definition)
    if verify_weights and _sha256(file, weights) != contents.members[WEIGHTS].sha256:
        raise ModelFileError("its weights are damaged: copy or download the file again")
    return ModelFile(
        path=path,
        definition=definition,
        example_inputs=example_inputs_in(arrays, definition.inputs),
        network=network,
        weights_start=weights.start,
        weights_bytes=weights.size,
        _extra={name.removeprefix(EXTRA): data for name, data in small.items()},
        _identity=_identity(status),
    )


def _members_of(path: Path, file: BinaryIO, file_bytes: int) -> dict[str, Member]:
    """The archive's members; a file of another kind is named by that."""
    try:
        members = members_of(file, file_bytes)
        if DEFINITION in members:
            return members
        damage = f"it has no member {DEFINITION}"
    except ModelFileError as error:
        damage = str(error)
    kind = kind_of_file(path, _EXPORT)
    if kind is None:
        raise ModelFileError(
            f"{damage}; if torch.export wrote it, make a model file of it: dads export file:{path.name}"
        )
    raise ModelFileError(damage if kind == MODEL_FILE else f"`dads export` did not write it; it is {kind}")


def _check_members(contents: ContentsJson, members: Mapping[str, Member]) -> None:
    described = contents.members.keys() | {DEFINITION}
    if described != members.keys():
        raise ModelFileError(f"its {DEFINITION} does not tell of the member {min(described ^ members.keys())!r:.80}")
    needed = {DEFINITION, NETWORK, ARRAYS, WEIGHTS}
    if len(members) > MOST_MEMBERS:
        raise ModelFileError(f"it has {len(members)} members; the most are {MOST_MEMBERS}")
    for name in sorted(needed | members.keys()):
        if name not in members:
            raise ModelFileError(f"it has no member {name}")
        if name not in needed and not (name.startswith(EXTRA) and EXTRA_NAME.fullmatch(name.removeprefix(EXTRA))):
            raise ModelFileError(f"it has the unknown member {name!r:.80}")
        if name != DEFINITION and members[name].size != contents.members[name].bytes:
            raise ModelFileError(
                f"its member {name} has {members[name].size} bytes; expected {contents.members[name].bytes}"
            )
    if members[WEIGHTS].start % FILE_ALIGNMENT:
        raise ModelFileError(f"its {WEIGHTS} begin at byte {members[WEIGHTS].start}; no multiple of {FILE_ALIGNMENT}")


def _small_member(file: BinaryIO, member: Member, contents: ContentsJson) -> bytes:
    data = read_member(file, member, MOST_BYTES.get(member.name, MOST_EXTRA_BYTES))
    if hashlib.sha256(data).hexdigest() != contents.members[member.name].sha256:
        raise ModelFileError(f"its member {member.name} is damaged: copy or download the file again")
    return data


def _network_of(data: bytes) -> onnx.ModelProto:
    try:
        return onnx.ModelProto.FromString(data)
    except DecodeError as error:
        raise ModelFileError(f"its {NETWORK} cannot be read: {error}") from error


def _sha256(file: BinaryIO, member: Member) -> str:
    sha, left, chunk = hashlib.sha256(), member.size, memoryview(bytearray(_CHUNK_BYTES))
    file.seek(member.start)
    while left > 0:
        count = file.readinto(chunk[: min(left, _CHUNK_BYTES)])  # type: ignore[attr-defined]  # a buffered reader has it
        if not count:
            break
        sha.update(chunk[:count])
        left -= count
    return sha.hexdigest()


def _identity(status: os.stat_result) -> _Identity:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
