import logging

import numpy as np
import onnx.parser
import pytest

from split_model.engines.engine import PartSpec
from split_model.engines.onnx.building import Builder
from split_model.engines.onnx.packed_weights import PackedWeights
from split_model.engines.onnx.session import Session
from split_model.errors import ModelError, UnsupportedModelError
from split_model.specs import TensorSpec


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


@pytest.fixture
def first_runs(monkeypatch):
    """The specs of the sessions that ran before anyone had them."""
    ran = []
    monkeypatch.setattr(Session, "run_first", lambda session, _: ran.append(session.spec))
    return ran


def test_a_session_that_lasts_has_run_once_when_it_is_there_and_others_have_not(tiny, tmp_path, first_runs):
    builder = Builder(tiny, PackedWeights(tmp_path), 1)
    builder.once(tiny.whole)
    assert first_runs == []
    builder.lasting(tiny.whole)
    assert first_runs == [tiny.whole]


def test_a_part_with_a_loop_does_not_run_on_zeros(one_operator, tmp_path, first_runs):
    spec = TensorSpec("float32", (2,))
    twice = onnx.parser.parse_graph(
        "twice (int64 i, bool go, float[2] v) => (bool on, float[2] w) { on = Not(go) w = Add(v, v) }"
    )
    file = one_operator(
        "Loop", {"most": TensorSpec("int64", ()), "go": TensorSpec("bool", ()), "x": spec}, spec, body=twice
    )
    session = Builder(file, PackedWeights(tmp_path), 1).lasting(PartSpec(("most", "go", "x"), ("y",)))
    feeds = {"most": np.array(2, np.int64), "go": np.array(True), "x": np.ones(2, np.float32)}
    assert session.run(feeds).layers["y"].tolist() == [2, 2]
    assert first_runs == []
