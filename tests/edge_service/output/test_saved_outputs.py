"""Every output can be read back by numpy, and a disk that is full loses nothing else."""

import errno
import logging
import math

import numpy as np
import pytest
import torch

from edge_service.output.files import write_whole
from edge_service.output.saved_outputs import SavedOutputs


def test_every_output_is_read_back_by_its_path(tmp_path):
    outputs = {
        "out": torch.arange(6.0).reshape(2, 3).t(),  # not contiguous
        "parts.0": torch.tensor(2.5),
        "deep/er.x\\.y": torch.zeros(0, 3, dtype=torch.int64),
        "file": torch.tensor([1], dtype=torch.uint8),  # np.savez refuses this name
        "allow_pickle": torch.tensor([True]),  # and silently leaves this one out
        "brain": torch.tensor([1.5, math.inf, -0.0], dtype=torch.bfloat16),
        "eight": torch.tensor([0.5, -448.0]).to(torch.float8_e4m3fn),
        "complex": torch.tensor([1 + 2j]).conj(),
    }
    saved = SavedOutputs(tmp_path / "new" / "folder")
    assert saved.save(12, outputs) == "frame-000012.npz"
    with np.load(tmp_path / "new" / "folder" / "frame-000012.npz", allow_pickle=False) as read:
        found = dict(read)
    assert found.keys() == outputs.keys()
    for path, tensor in outputs.items():
        wanted = tensor.float() if path in ("brain", "eight") else tensor
        assert np.array_equal(found[path], wanted.resolve_conj().numpy()), path
        assert found[path].shape == tuple(tensor.shape)
    assert found["brain"].dtype == np.float32
    assert (saved.files, saved.problem) == (1, None)


def test_a_full_disk_is_told_once_and_nothing_is_left_of_the_file(tmp_path, monkeypatch, caplog):
    saved = SavedOutputs(tmp_path)
    assert saved.save(0, {"out": torch.zeros(3)})

    def full(path, write):
        def fails(file):
            file.write(b"part")
            raise OSError(errno.ENOSPC, "No space left on device")

        write_whole(path, fails)

    monkeypatch.setattr("edge_service.output.saved_outputs.write_whole", full)
    with caplog.at_level(logging.ERROR, logger="edge_service"):
        assert saved.save(1, {"out": torch.zeros(3)}) is None
        assert saved.save(2, {"out": torch.zeros(3)}) is None
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
    assert saved.save(0, {"out": torch.eye(3).to_sparse()}) is None
    assert "sparse" in saved.problem.lower()
    assert list(tmp_path.iterdir()) == []
