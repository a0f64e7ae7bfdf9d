"""Every output can be read back by numpy, and a disk that is full loses nothing else."""

import errno
import logging
import math

import numpy as np
import pytest

from edge_service.output.files import write_whole
from edge_service.output.saved_outputs import SavedOutputs
from split_model import TensorSpec
from split_model.numbers import numbers_of


def test_every_output_is_read_back_by_its_path(tmp_path):
    outputs = {
        "out": np.arange(6.0).reshape(2, 3).T,  # not contiguous
        "parts.0": np.array(2.5),
        "deep/er.x\\.y": np.zeros((0, 3), np.int64),
        "file": np.array([1], np.uint8),  # np.savez refuses this name
        "allow_pickle": np.array([True]),  # and silently leaves this one out
        "brain": numbers_of(np.array([0x3FC0, 0x7F80, 0x8000], np.uint16), TensorSpec("bfloat16", (3,))),
        "complex": numbers_of(np.array([[1, -2]], np.float32), TensorSpec("complex64", (1,))),
    }
    saved = SavedOutputs(tmp_path / "new" / "folder")
    assert saved.save(12, outputs) == "frame-000012.npz"
    with np.load(tmp_path / "new" / "folder" / "frame-000012.npz", allow_pickle=False) as read:
        found = dict(read)
    assert found.keys() == outputs.keys()
    for path, array in outputs.items():
        assert np.array_equal(found[path], array), path
        assert (found[path].shape, found[path].dtype) == (array.shape, array.dtype)
    assert found["brain"].tolist() == [1.5, math.inf, 0.0]
    assert math.copysign(1, found["brain"][2]) == -1
    assert (found["brain"].dtype, found["complex"].tolist()) == (np.float32, [1 - 2j])
    assert (saved.files, saved.problem) == (1, None)


def test_a_full_disk_is_told_once_and_nothing_is_left_of_the_file(tmp_path, monkeypatch, caplog):
    saved = SavedOutputs(tmp_path)
    assert saved.save(0, {"out": np.zeros(3)})

    def full(path, write):
        def fails(file):
            file.write(b"part")
            raise OSError(errno.ENOSPC, "No space left on device")

        write_whole(path, fails)

    monkeypatch.setattr("edge_service.output.saved_outputs.write_whole", full)
    with caplog.at_level(logging.ERROR, logger="edge_service"):
        assert saved.save(1, {"out": np.zeros(3)}) is None
        assert saved.save(2, {"out": np.zeros(3)}) is None
    assert len(caplog.records) == 1
    assert saved.problem == f"{tmp_path}: No space left on device; 1 files were written"
    assert [path.name for path in tmp_path.iterdir()] == ["frame-000000.npz"]


def test_a_file_is_there_as_a_whole_or_as_before(tmp_path):
    path = tmp_path / "it"
    write_whole(path, lambda file: file.write(b"first"))
    with pytest.raises(ZeroDivisionError):
        write_whole(path, lambda file: file.write(b"second" * (1 // 0)))
    assert path.read_bytes() == b"first"
    assert list(tmp_path.iterdir()) == [path]


def test_outputs_that_numpy_cannot_hold_are_a_problem_and_no_end(tmp_path):
    saved = SavedOutputs(tmp_path)
    assert saved.save(0, {"out": np.array([object()])}) is None
    assert "object" in saved.problem.lower()
    assert list(tmp_path.iterdir()) == []
