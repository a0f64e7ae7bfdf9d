import io
import zipfile

import pytest

from split_model.errors import ModelFileError
from split_model.model_file.archive import members_of, read_member


def zipped(compression=zipfile.ZIP_STORED, **members):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return file


def found_in(file):
    return members_of(file, len(file.getvalue()))


def changed(file, old, new, *, nth=0):
    """The file with the nth place of some bytes changed."""
    data, where = file.getvalue(), -1
    for _ in range(nth + 1):
        where = data.index(old, where + 1)
    return io.BytesIO(data[:where] + new + data[where + len(old) :])


def test_members_lie_where_they_are_found():
    file = zipped(first=b"one", second=b"", thïrd=b"three")
    members = found_in(file)
    assert list(members) == ["first", "second", "thïrd"]
    assert [read_member(file, member, 5) for member in members.values()] == [b"one", b"", b"three"]
    assert all(file.getvalue()[one.start : one.start + one.size] in {b"one", b"", b"three"} for one in members.values())
    with pytest.raises(ModelFileError, match="its member thïrd has 5 bytes; the most is 4"):
        read_member(file, members["thïrd"], 4)


def test_compressed_members():
    with pytest.raises(ModelFileError, match="'a' is compressed or encrypted; expected it stored as it is"):
        found_in(zipped(zipfile.ZIP_DEFLATED, a=b"aaaaaaaaaaaaaaaaaaaaaaaa"))


def test_members_of_one_name():
    file = zipped(aaa=b"1", aab=b"2")
    file = changed(changed(file, b"aab", b"aaa", nth=0), b"aab", b"aaa", nth=0)
    with pytest.raises(ModelFileError, match="two of its members have the same name"):
        found_in(file)


def test_names_that_differ():
    with pytest.raises(ModelFileError, match="'aaa' has another name where it lies"):
        found_in(changed(zipped(aaa=b"1"), b"aaa", b"aab"))


def test_damage():
    file = changed(zipped(aaa=b"content"), b"content", b"kontent")
    with pytest.raises(ModelFileError, match="its member aaa is damaged"):
        read_member(file, found_in(file)["aaa"], 100)


def test_members_over_each_other():
    file = zipped(aaa=b"1" * 20, bbb=b"2" * 20)
    sizes = (20).to_bytes(4, "little") * 2
    file = changed(file, sizes, (60).to_bytes(4, "little") * 2, nth=2)  # in the directory
    with pytest.raises(ModelFileError, match="its members 'aaa' and 'bbb' overlap"):
        found_in(file)


def test_a_member_beyond_the_end():
    sizes = (20).to_bytes(4, "little") * 2
    file = changed(zipped(aaa=b"1" * 20), sizes, b"\0\0\0\x10" * 2, nth=1)
    with pytest.raises(ModelFileError, match="'aaa' ends outside the file, which was cut short or damaged"):
        found_in(file)
