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
from split_model.model_file.layout import MOST_DIRECTORY_BYTES, MOST_MEMBERS

__all__ = ["Member", "members_of", "read_member"]

_END = struct.Struct("<4s4H2LH")
_END_64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR_64_BYTES = 20
_LOCAL = struct.Struct("<4s5H3L2H")
_UTF8 = 0x800
_NOT_ZIP = "it is not a zip archive, or one that ends too early: copy or download it again"


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
    end = _directory_start(file, file_bytes)
    try:
        with zipfile.ZipFile(file) as archive:
            infos = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError, EOFError, struct.error) as error:
        raise ModelFileError(f"its directory cannot be read: {error}") from error
    members = [_member(file, info, end) for info in sorted(infos, key=lambda info: info.header_offset)]
    for first, info in zip(members, sorted(infos, key=lambda info: info.header_offset)[1:], strict=False):
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


def _directory_start(file: BinaryIO, file_bytes: int) -> int:
    """Where the directory begins; zipfile would read one of any size, so its size is judged here."""
    most = _END_64.size + _LOCATOR_64_BYTES + _END.size
    file.seek(max(0, file_bytes - most))
    tail = file.read(most)
    if len(tail) < _END.size:
        raise ModelFileError(_NOT_ZIP)
    signature, _, _, _, count, size, _, comment = _END.unpack(tail[-_END.size :])
    if signature != b"PK\5\6" or comment:
        raise ModelFileError(_NOT_ZIP)
    end = file_bytes - _END.size
    if tail[-_END.size - _LOCATOR_64_BYTES :].startswith(b"PK\6\7"):
        end = file_bytes - most
        if len(tail) < most or not tail.startswith(b"PK\6\6"):
            raise ModelFileError(_NOT_ZIP)
        _, _, _, _, _, _, _, count, size, _ = _END_64.unpack(tail[: _END_64.size])
    if count > MOST_MEMBERS or size > min(MOST_DIRECTORY_BYTES, end):
        raise ModelFileError(f"its directory has {count} members in {size} bytes; the most are {MOST_MEMBERS} members")
    return int(end - size)


def _member(file: BinaryIO, info: zipfile.ZipInfo, end: int) -> Member:
    name = info.filename
    if info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size or info.flag_bits & ~_UTF8:
        raise ModelFileError(f"its member {name!r:.80} is compressed or encrypted; expected it stored as it is")
    if info.header_offset > end:
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
