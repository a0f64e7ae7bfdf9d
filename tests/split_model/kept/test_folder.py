import logging
import os

import pytest

from split_model.errors import ModelFileError
from split_model.kept import KeptFolder


def text_of(folder, name):
    found = folder.use(name)
    if found is None:
        return None
    with found:
        return found.read().decode()


def keep(folder, name, text):
    found = folder.add(name, lambda path: path.write_text(text))
    if found is not None:
        found.close()
    return found is not None


@pytest.fixture
def folder(tmp_path):
    return KeptFolder(tmp_path / "kept")


def test_what_is_kept_is_found_by_another_process_and_is_nobody_elses(folder):
    assert text_of(folder, "a") is None
    assert keep(folder, "a", "one")
    assert text_of(KeptFolder(folder.path), "a") == "one"
    assert folder.path.stat().st_mode & 0o777 == 0o700
    assert (folder.path / "a").stat().st_mode & 0o777 == 0o600


def test_the_first_one_stays_and_nothing_half_written_is_left(folder):
    keep(folder, "a", "one")
    keep(folder, "a", "two")
    with pytest.raises(RuntimeError, match="stopped"):
        folder.add("b", lambda path: (path.write_text("half"), (_ for _ in ()).throw(RuntimeError("stopped")))[0])
    assert text_of(folder, "a") == "one"
    assert text_of(folder, "b") is None
    assert [path.name for path in folder.path.iterdir()] == ["a"]


def test_a_folder_that_cannot_be_written_keeps_nothing_and_says_so(tmp_path, caplog):
    (tmp_path / "file").write_text("")
    folder = KeptFolder(tmp_path / "file" / "kept")
    assert not keep(folder, "a", "one")
    assert folder.use_room("room") is None
    assert "not kept" in caplog.text


@pytest.mark.parametrize("error", [OSError("no space left"), ModelFileError("the model file cannot be written")])
def test_what_finds_no_space_is_not_kept_and_nothing_is_left_of_it(folder, error, caplog):
    def write(path):
        path.write_text("half")
        raise error

    assert folder.add("a", write) is None
    assert list(folder.path.iterdir()) == []
    assert "not kept" in caplog.text


def test_what_others_may_write_is_not_used(folder):
    keep(folder, "a", "one")
    (folder.path / "a").chmod(0o666)
    assert folder.use("a") is None


def test_json_is_replaced_and_a_damaged_one_is_forgotten(folder, caplog):
    folder.write_json("a.json", {"x": 1})
    folder.write_json("a.json", {"x": [2.5, None]})
    assert folder.read_json("a.json") == {"x": [2.5, None]}
    path = folder.path / "a.json"
    for damaged in (path.read_bytes().replace(b"2.5", b"3.5"), path.read_bytes()[:50], b""):
        path.write_bytes(damaged)
        with caplog.at_level(logging.WARNING):
            assert folder.read_json("a.json") is None
        assert "damaged" in caplog.text
        assert not path.exists()


def test_the_least_recently_used_goes_first_and_what_is_in_use_stays(tmp_path):
    folder = KeptFolder(tmp_path, most_bytes=25)
    for name in ("a", "b"):
        keep(folder, name, 10 * "x")
        os.utime(tmp_path / name, ns=(1 + ord(name), 1))
    used = folder.use("a")  # which makes it the one that was used last, too
    os.utime(tmp_path / "a", ns=(1, 1))
    keep(folder, "c", 10 * "x")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "c"]
    used.close()
    keep(folder, "d", 10 * "x")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c", "d"]


def test_a_room_is_dropped_as_a_whole_once_nobody_is_in_it(tmp_path):
    folder = KeptFolder(tmp_path, most_bytes=25)
    room = folder.use_room("room")
    (room.path / "inner").mkdir()
    (room.path / "inner" / "weights").write_text(20 * "x")
    keep(folder, "a", 10 * "x")
    assert (room.path / "inner" / "weights").exists()
    room.close()
    os.utime(room.path / ".used", ns=(1, 1))
    keep(folder, "b", 10 * "x")
    assert not room.path.exists()
    with folder.use_room("room") as again:
        assert again.path.is_dir()


def test_what_an_ended_process_left_unfinished_is_dropped(tmp_path):
    left = tmp_path / "model.dads.1234.part"
    left.write_text("half")
    os.utime(left, ns=(1, 1))
    keep(KeptFolder(tmp_path), "a", "one")
    assert not left.exists()
