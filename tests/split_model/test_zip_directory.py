import io
import zipfile

import pytest

from split_model.errors import ModelFileError
from split_model.zip_directory import directory_start


def zipped(comment=b"", **members):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
        archive.comment = comment
    return file


def start_of(file, most=1000):
    return directory_start(file, len(file.getvalue()), most)


def test_where_it_begins():
    file = zipped(a=b"1", b=b"22")
    assert start_of(file) == file.getvalue().index(b"PK\1\2")


def test_of_an_archive_with_the_longer_records(monkeypatch):
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 10)
    file = zipped(a=b"1" * 20, b=b"22")
    assert b"PK\6\6" in file.getvalue()
    assert start_of(file) == file.getvalue().index(b"PK\1\2")


def test_no_more_than_expected():
    file = zipped(**{f"member{i}": b"" for i in range(30)})
    with pytest.raises(ModelFileError, match="its directory has 1610 bytes; expected at most 1000"):
        start_of(file)


@pytest.mark.parametrize("file", [io.BytesIO(), io.BytesIO(b"PK" * 50), zipped(comment=b"hidden", a=b"")])
def test_no_archive_or_one_with_something_behind(file):
    with pytest.raises(ModelFileError, match="it is not a zip archive, or one that ends too early"):
        start_of(file)


def test_a_size_beyond_the_file():
    data = bytearray(zipped(a=b"").getvalue())
    data[-10:-6] = (500).to_bytes(4, "little")
    with pytest.raises(ModelFileError, match="its directory has 500 bytes; expected at most"):
        start_of(io.BytesIO(data))
