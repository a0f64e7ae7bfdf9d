import logging

import numpy as np
import pytest

from split_model.engines.onnx.building import Builder
from split_model.engines.onnx.packed_weights import PackedWeights
from split_model.errors import ModelError, UnsupportedModelError


def test_where_weights_cannot_be_written_each_session_has_its_own(tiny, tmp_path, caplog):
    in_the_way = tmp_path / "file"
    in_the_way.touch()
    builder = Builder(tiny, PackedWeights(in_the_way / "packed"), 1)
    with caplog.at_level(logging.WARNING):
        session, again = builder.lasting(tiny.whole), builder.lasting(tiny.whole)
    assert np.array_equal(session.run(tiny.feeds).outputs["scores"], again.run(tiny.feeds).outputs["scores"])
    assert session.own_bytes > 64 * 16 * 9 * 4
    assert len([record for record in caplog.records if "own copy" in record.message]) == 1


def test_a_part_that_cannot_be_packed_has_its_own_weights(tiny, tmp_path, monkeypatch):
    def refuse(*_):
        raise UnsupportedModelError("no")

    monkeypatch.setattr("split_model.engines.onnx.building.fused", refuse)
    session = Builder(tiny, PackedWeights(tmp_path), 1).lasting(tiny.whole)
    assert session.own_bytes > 64 * 16 * 9 * 4
    assert session.run(tiny.feeds).outputs["scores"].shape == (1, 16)


def test_packed_weights_are_not_counted_as_a_sessions_own(tiny, tmp_path):
    assert Builder(tiny, PackedWeights(tmp_path), 1).lasting(tiny.whole).own_bytes < 32 * 1024


def test_no_session_is_made_of_a_file_that_was_replaced(tiny, tmp_path):
    builder = Builder(tiny, PackedWeights(tmp_path), 1)
    tiny.replaced = True
    for make in (builder.lasting, builder.once):
        with pytest.raises(ModelError, match="replaced"):
            make(tiny.whole)


def test_a_session_for_once_equals_one_that_lasts(tiny, tmp_path):
    builder = Builder(tiny, PackedWeights(tmp_path), 1)
    lasting, once = (make(tiny.whole).run(tiny.feeds).outputs for make in (builder.lasting, builder.once))
    assert all(np.allclose(lasting[path], once[path], rtol=1e-5) for path in lasting)
