"""Files whose bytes were changed at random, with right sums or without: refused by name, or read as they were."""

import random
import tracemalloc
import zipfile

import pytest

from split_model.errors import ModelFileError
from split_model.model_file import open_model_file


def outcome(path):
    """What is in a file, weights included; `None` where it was refused."""
    try:
        file = open_model_file(path)
    except ModelFileError:
        return None
    weights = path.read_bytes()[file.weights_start :][: file.weights_bytes]
    return file.network, repr(file.definition), repr(file.example_inputs), file.extra("encodings.json"), weights


@pytest.fixture(scope="module")
def whole(written):
    return outcome(written)


@pytest.mark.parametrize("seed", range(2))
def test_bytes_that_changed(written, whole, tmp_path, seed):
    rng, data = random.Random(seed), written.read_bytes()
    read = 0
    for _ in range(100):
        damaged = bytearray(data)
        for _ in range(rng.choice((1, 1, 2))):
            where = rng.randrange(4096, len(data)) if rng.random() < 0.9 else rng.randrange(4096)
            damaged[where] ^= rng.randrange(1, 256)
        (tmp_path / "net.dads").write_bytes(damaged)
        found = outcome(tmp_path / "net.dads")
        assert found in (None, whole)
        read += found is not None
    assert read < 30, "only times, notes and filling may change unseen"


def test_files_that_end_too_early(written, tmp_path):
    data = written.read_bytes()
    for size in {*range(0, len(data), 193), *range(len(data) - 30, len(data))}:
        (tmp_path / "net.dads").write_bytes(data[:size])
        assert outcome(tmp_path / "net.dads") is None


@pytest.mark.parametrize("name", ["network.onnx", "arrays.safetensors"])
def test_members_that_changed_under_right_sums(rewrite, written, name):
    rng = random.Random(name)
    with zipfile.ZipFile(written) as archive:
        data = archive.read(name)
    for _ in range(80):
        damaged = bytearray(data)
        where = rng.randrange(len(data))
        kind = rng.randrange(4)
        if kind == 0:
            damaged[where] ^= rng.randrange(1, 256)
        elif kind == 1:
            damaged[where : where + 4] = b"\xff\xff\xff\x7f"
        elif kind == 2:
            del damaged[where : where + rng.randrange(1, 9)]
        else:
            damaged[where:where] = rng.randbytes(rng.randrange(1, 9))
        outcome(rewrite(members={name: bytes(damaged)}))


def huge_shape(json):
    json["definition"]["layers"][3]["tensors"][0]["shape"] = [1 << 47, 2, 2]


def huge_size(json):
    json["members"]["weights.bin"]["bytes"] = 1 << 60


def many_levels(json):
    nesting = None
    for _ in range(90):
        nesting = {"kind": "list", "parts": [nesting]}
    json["definition"]["outputs"]["nesting"] = nesting


@pytest.mark.parametrize(
    "files",
    [
        lambda rewrite: rewrite(huge_shape),
        lambda rewrite: rewrite(huge_size),
        lambda rewrite: rewrite(many_levels),
        lambda rewrite: rewrite(text=b'{"format":' + b"[" * 100_000),
        lambda rewrite: rewrite(members={"arrays.safetensors": (1 << 62).to_bytes(8, "little") + b"{}"}),
    ],
)
def test_claims_are_not_believed(rewrite, files):
    path = files(rewrite)
    tracemalloc.start()
    try:
        with pytest.raises(ModelFileError):
            open_model_file(path)
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()
