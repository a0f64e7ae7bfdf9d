"""Where the directory of a zip archive begins: its size is judged before zipfile, which reads any, is asked."""

import struct
import zipfile
from typing import BinaryIO

from split_model.errors import ModelFileError

__all__ = ["ZIP_ERRORS", "directory_start"]

ZIP_ERRORS = (zipfile.BadZipFile, ValueError, NotImplementedError, OSError, EOFError, RuntimeError, struct.error)
"""What zipfile raises for archives that are damaged, encrypted or of another version."""

_END = struct.Struct("<4s4H2LH")
_END_64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR_64_BYTES = 20
_NOT_ZIP = "it is not a zip archive, or one that ends too early: copy or download it again"


def directory_start(file: BinaryIO, file_bytes: int, most_bytes: int) -> int:
    """The directory's first byte; the end record is the file's last bytes, without a comment.

    Raises:
        ModelFileError: The file does not end as a zip archive does, or its directory is larger than `most_bytes`.
    """
    most = _END_64.size + _LOCATOR_64_BYTES + _END.size
    file.seek(max(0, file_bytes - most))
    tail = file.read(most)
    if len(tail) < _END.size:
        raise ModelFileError(_NOT_ZIP)
    signature, *_, size, _, comment_bytes = _END.unpack(tail[-_END.size :])
    if signature != b"PK\5\6" or comment_bytes:
        raise ModelFileError(_NOT_ZIP)
    end = file_bytes - _END.size
    if tail[-_END.size - _LOCATOR_64_BYTES :].startswith(b"PK\6\7"):
        end = file_bytes - most
        if len(tail) < most or not tail.startswith(b"PK\6\6"):
            raise ModelFileError(_NOT_ZIP)
        *_, size, _ = _END_64.unpack(tail[: _END_64.size])
    if size > min(most_bytes, end):
        raise ModelFileError(f"its directory has {size} bytes; expected at most {min(most_bytes, end)}")
    return int(end - size)
