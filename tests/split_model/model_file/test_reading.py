import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from split_model.errors import ModelFileError, UnknownModelError
from split_model.model_file import open_model_file
from split_model.model_file.layout import MOST_BYTES

GUARDED = """
import sys
sys.modules["torch"] = None
from split_model.model_file import open_model_file
file = open_model_file(sys.argv[1])
print(file.definition.digest, type(file.example_inputs[2]).__name__, file.extra("encodings.json"))
"""


def test_what_was_written_is_read(written, definition, examples):
    file = open_model_file(str(written))
    assert file.definition.digest == definition.digest
    assert np.array_equal(file.definition.outputs.constants["mask"], [True, False])
    assert repr(file.example_inputs) == repr(examples)
    assert file.extra("encodings.json") == b"{}"
    assert file.extra("other") is None
    assert file.weights_bytes == 4 * 128 * 4
    file.check_unchanged()


def test_reading_needs_no_torch(written):
    command = [sys.executable, "-c", GUARDED, str(written)]
    done = subprocess.run(command, cwd=Path(__file__).parents[3], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[1:] == ["Point", "b'{}'"]


def test_a_file_in_use_must_stay(rewrite):
    path = rewrite()
    file = open_model_file(path)
    data = path.read_bytes()
    other = path.with_name("other")
    other.write_bytes(data)
    other.replace(path)
    with pytest.raises(ModelFileError, match=r"net\.dads' was changed while it was in use: start again"):
        file.check_unchanged()
    file = open_model_file(path)
    path.write_bytes(data + b"more")
    with pytest.raises(ModelFileError, match="was changed"):
        file.check_unchanged()
    path.unlink()
    with pytest.raises(ModelFileError, match="is in use, and is not there any more"):
        file.check_unchanged()


def test_links_are_followed_once(rewrite, tmp_path):
    path = rewrite()
    link = tmp_path / "link.dads"
    link.symlink_to(path)
    file = open_model_file(link)
    link.unlink()
    assert file.path == Path(os.path.realpath(path))
    file.check_unchanged()


def test_damaged_weights(rewrite):
    path = rewrite()
    file = open_model_file(path)
    data = bytearray(path.read_bytes())
    data[file.weights_start + 7] ^= 1
    path.write_bytes(data)
    with pytest.raises(ModelFileError, match="its weights are damaged: copy or download the file again"):
        open_model_file(path)
    open_model_file(path, verify_weights=False)


def test_a_file_that_is_missing_or_a_folder(tmp_path):
    with pytest.raises(UnknownModelError, match=r"it is missing; expected one that `dads export` wrote"):
        open_model_file(tmp_path / "net.dads")
    with pytest.raises(ModelFileError, match="it is a folder"):
        open_model_file(tmp_path)


@pytest.mark.parametrize(
    ("write", "expected"),
    [
        (lambda path: path.write_bytes(b""), "of an unknown kind: dads export MODEL -o"),
        (lambda path: path.write_bytes(b"\x08\x08"), "of an unknown kind"),
        (lambda path: safetensors.numpy.save_file({"a": np.ones(2)}, path), r"weights alone \(safetensors\)"),
        (lambda path: path.write_text("version https://git-lfs.github.com/spec/v1\n"), "a pointer of Git LFS"),
    ],
)
def test_files_of_other_kinds(tmp_path, write, expected):
    path = tmp_path / "net.dads"
    write(path)
    with pytest.raises(ModelFileError, match=f"`dads export` did not write it; it is {expected}"):
        open_model_file(path)


def test_a_file_of_torch_export(tmp_path):
    path = tmp_path / "net.dads"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("net/archive_format", "pt2")
    with pytest.raises(ModelFileError, match="make a model file of it: dads export"):
        open_model_file(path)


def newer(json):
    json["version"] = 2
    json["members"] = "otherwise"


def older(json):
    json["version"] = 0


def other_format(json):
    json["format"] = "other"


def one_more(json):
    json["definition"]["more"] = 1


def another_size(json):
    json["members"]["network.onnx"]["bytes"] = 1


def another_sum(json):
    json["members"]["network.onnx"]["sha256"] = "0" * 64


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            newer,
            "its format is of version 2, newer than 1, which this build reads: update this build, or export it again",
        ),
        (older, "its format is of version 0, older than 1, which this build reads: export it again"),
        (other_format, r"its dads\.json is not of this format: format: Input should be 'dads-model'"),
        (one_more, r"its dads\.json is not of this format: definition\.more: Extra inputs are not permitted"),
        (another_size, r"its member network\.onnx has \d+ bytes; expected 1"),
        (another_sum, r"its member network\.onnx is damaged"),
    ],
)
def test_contents(rewrite, change, expected):
    with pytest.raises(ModelFileError, match=expected):
        open_model_file(rewrite(change))


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"network.onnx": None}, r"it has no member network\.onnx"),
        ({"weights.bin": None}, r"it has no member weights\.bin"),
        ({"setup.py": b""}, r"it has the unknown member 'setup\.py'"),
        ({"extra/../a": b""}, r"it has the unknown member 'extra/\.\./a'"),
        ({"network.onnx": b"\xff"}, r"its network\.onnx cannot be read"),
        ({"arrays.safetensors": b"\xff" * 8}, r"arrays\.safetensors cannot be read"),
        ({"arrays.safetensors": safetensors.numpy.save({})}, r"arrays\.safetensors has no array 'input:image'"),
        ({f"extra/{i}": b"" for i in range(60)}, "it has 65 members; the most are 64"),
    ],
)
def test_members(rewrite, members, expected):
    with pytest.raises(ModelFileError, match=expected):
        open_model_file(rewrite(members=members))


def test_a_member_that_the_contents_do_not_tell_of(rewrite):
    with pytest.raises(ModelFileError, match=r"does not tell of the member 'extra/more'"):
        open_model_file(rewrite(lambda json: json["members"].pop("extra/more"), members={"extra/more": b""}))


def test_a_member_that_is_too_large(rewrite, monkeypatch):
    monkeypatch.setitem(MOST_BYTES, "network.onnx", 100)
    with pytest.raises(ModelFileError, match=r"its member network\.onnx has \d+ bytes; the most is 100"):
        open_model_file(rewrite())


def test_weights_that_are_not_aligned(written, tmp_path):
    path = tmp_path / "net.dads"
    with zipfile.ZipFile(written) as old, path.open("wb") as file, zipfile.ZipFile(file, "w") as new:
        for name in old.namelist():
            new.writestr(zipfile.ZipInfo(name), old.read(name))
    with pytest.raises(ModelFileError, match=r"its weights\.bin begin at byte 41; no multiple of 4096"):
        open_model_file(path)


def test_reasons_are_one_short_line(rewrite):
    def long(json):
        json["rest"] = "long\n" * 600

    with pytest.raises(ModelFileError) as refusal:
        open_model_file(rewrite(long))
    assert len(str(refusal.value)) < 800
    assert "\n" not in str(refusal.value)
