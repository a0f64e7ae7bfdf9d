"""The members of a model file's zip archive: where their bytes lie, and that each is what the directory says.

Every size is compared with the file's before anything is allocated. zipfile reads the directory; the bytes are read
here, because they must lie in the file as they are: stored, one after the other, at known places.
"""

import struct
import zipfile
import zlib
from dataclasses import dataclass
from typing import BinaryIO

from split_model.errors import ModelFileError
from split_model.model_file.layout import MOST_DIRECTORY_BYTES
from split_model.zip_directory import ZIP_ERRORS, directory_start

__all__ = ["Member", "members_of", "read_member"]

_LOCAL = struct.Struct("<4s5H3L2H")
_UTF8 = 0x800


@dataclass(frozen=True, slots=True)
class Member:
    """Where a member's bytes lie in the file.

    Attributes:
        name: Its name in the archive.
        start: Of its first byte.
        size: Bytes.
        crc: CRC-32 of its bytes.
    """

    name: str
    start: int
    size: int
    crc: int


def members_of(file: BinaryIO, file_bytes: int) -> dict[str, Member]:
    """The members of an archive, by name.

    Raises:
        ModelFileError: The archive's directory cannot be read, is too large, or does not fit the file.
    """
    end = directory_start(file, file_bytes, MOST_DIRECTORY_BYTES)
    try:
        with zipfile.ZipFile(file) as archive:
            infos = archive.infolist()
    except ZIP_ERRORS as error:
        raise ModelFileError(f"its directory cannot be read: {error}") from error
    infos.sort(key=lambda info: info.header_offset)
    members = [_member(file, info, end) for info in infos]
    for first, info in zip(members, infos[1:], strict=False):
        if first.start + first.size > info.header_offset:
            raise ModelFileError(f"its members {first.name!r} and {info.filename!r:.80} overlap")
    if len({member.name for member in members}) < len(members):
        raise ModelFileError("two of its members have the same name")
    return {member.name: member for member in members}


def read_member(file: BinaryIO, member: Member, most: int) -> bytes:
    """The bytes of a member.

    Raises:
        ModelFileError: They are more than `most`, or not those that were written.
    """
    if member.size > most:
        raise ModelFileError(f"its member {member.name} has {member.size} bytes; the most is {most}")
    file.seek(member.start)
    data = file.read(member.size)
    if len(data) != member.size or zlib.crc32(data) != member.crc:
        raise ModelFileError(f"its member {member.name} is damaged: copy or download the file again")
    return data


def _member(file: BinaryIO, info: zipfile.ZipInfo, end: int) -> Member:
    name = info.filename
    if info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size or info.flag_bits & ~_UTF8:
        raise ModelFileError(f"its member {name!r:.80} is compressed or encrypted; expected it stored as it is")
    if not 0 <= info.header_offset <= end:
        raise ModelFileError(f"its member {name!r:.80} lies outside the file")
    file.seek(info.header_offset)
    header = file.read(_LOCAL.size)
    if len(header) < _LOCAL.size or not header.startswith(b"PK\3\4"):
        raise ModelFileError(f"its member {name!r:.80} is not where the directory says")
    *_, name_bytes, extra_bytes = _LOCAL.unpack(header)
    if file.read(name_bytes) != info.orig_filename.encode("utf-8", "surrogateescape"):
        raise ModelFileError(f"its member {name!r:.80} has another name where it lies")
    start = info.header_offset + _LOCAL.size + name_bytes + extra_bytes
    if start + info.file_size > end:
        raise ModelFileError(f"its member {name!r:.80} ends outside the file, which was cut short or damaged")
    return Member(name, start, info.file_size, info.CRC)
