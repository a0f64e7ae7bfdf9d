import gc
import subprocess
import sys
import threading

import numpy as np
import pytest

from split_model.engines.engine import PartSpec, Preparation, Results
from split_model.engines.onnx.engine import OnnxEngine
from split_model.errors import ExecutionError, ModelError
from split_model.parts import crossing

_SOON_S = 20.0


@pytest.fixture
def engine(tiny):
    engine = OnnxEngine(tiny)
    yield engine
    engine.close()


def _close(found, expected):
    if found.dtype != expected.dtype or found.shape != expected.shape:
        return False
    return np.allclose(found, expected, rtol=0, atol=1e-5 * np.abs(expected, dtype=np.float64).max(initial=0))


def test_head_and_tail_are_the_whole_at_every_split(tiny, engine, closed_sets):
    whole = engine.part(tiny.whole).run(tiny.feeds).outputs
    for edge in closed_sets(tiny.definition.graph):
        head, tail = tiny.sides(edge)
        values = engine.once(head).run(tiny.feeds).layers
        outputs = engine.once(tail).run(values).outputs if tail.outputs else {}
        local = [spec.path for spec in tiny.definition.outputs.specs if spec.path not in outputs]
        if local:
            layers = tuple(name for name in crossing(tiny.definition, edge) if name in tiny.definition.graph.outputs)
            outputs = {**outputs, **engine.once(PartSpec(layers, (), tuple(local))).run(values).outputs}
        assert outputs.keys() == whole.keys()
        assert all(_close(outputs[path], whole[path]) for path in whole), sorted(edge)


def test_sessions_that_are_kept_give_the_same(tiny, engine):
    edge = frozenset(("picture", "real", "conv", "relu", "positive", "branch", "wide", "halves", "scaled"))
    head, tail = map(engine.part, tiny.sides(edge))
    found = tail.run(head.run(tiny.feeds).layers).outputs
    whole = engine.once(tiny.whole).run(tiny.feeds).outputs
    assert all(_close(found[path], whole[path]) for path in found)
    assert engine.ready_specs() == {head.spec, tail.spec}


def test_without_another_engine_a_run_waits(tiny, engine):
    assert engine.preparation is Preparation.AWAITED
    part = engine.part(tiny.whole)
    assert not engine.is_ready(tiny.whole)
    first = part.run(tiny.feeds)
    assert first.outputs["scores"].shape == (1, 16)
    assert first.prepared_s > 0
    assert engine.is_ready(tiny.whole)
    assert part.prepare() == part.run(tiny.feeds).prepared_s == 0


def test_parts_can_be_prepared_before_they_run(tiny, engine):
    head, tail = tiny.sides(frozenset(("picture", "real", "conv")))
    assert engine.part(head).prepare() > 0
    engine.prepare([head, tail])
    assert engine.ready_specs() == {head, tail}


def test_a_part_that_returns_its_feeds_needs_no_session(tiny, engine):
    spec = PartSpec(("picture",), ("picture",))
    part = engine.part(spec)
    assert engine.is_ready(spec)
    assert part.prepare() == 0
    assert part.run(tiny.feeds).layers["picture"] is tiny.feeds["picture"]
    engine.prefer([spec])
    engine.prepare([spec])
    assert not engine.ready_specs()


def test_another_engine_runs_a_part_until_its_session_is_there(tiny):
    class Other:
        def run(self, feeds, recorder=None):
            return Results({}, {"scores": np.zeros(1)})

    made = []
    held = threading.Event()
    engine = OnnxEngine(tiny, fallback=lambda spec: made.append(spec) or Other())
    build = engine._sessions._build
    engine._sessions._build = lambda spec: held.wait(_SOON_S) and build(spec)
    assert engine.preparation is Preparation.BRIDGED
    part = engine.part(tiny.whole)
    assert part.prepare() == 0
    assert [part.run(tiny.feeds).outputs["scores"].shape for _ in range(2)] == [(1,)] * 2
    assert made == [tiny.whole]
    held.set()
    assert engine.settle(_SOON_S)
    assert part.run(tiny.feeds).outputs["scores"].shape == (1, 16)
    engine.close()


def test_what_has_no_session_stays_with_the_other_engine_or_is_an_error(tiny):
    class Other:
        def run(self, feeds, recorder=None):
            return Results({}, {"scores": np.zeros(1)})

    tiny.network.graph.node[2].op_type = "NoSuchOperator"
    engine = OnnxEngine(tiny, fallback=lambda _: Other())
    part = engine.part(tiny.whole)
    for _ in range(2):
        assert part.run(tiny.feeds).outputs["scores"].shape == (1,)
        assert engine.settle(_SOON_S)
    engine.close()
    alone = OnnxEngine(tiny)
    part = alone.part(tiny.whole)
    for failing in (lambda: part.run(tiny.feeds), part.prepare):
        with pytest.raises(ExecutionError, match=r"'positive' failed: .*NoSuchOperator"):
            failing()
    with pytest.raises(ModelError, match="NoSuchOperator"):
        alone.prepare([tiny.whole])
    alone.close()


def test_preferred_parts_get_their_sessions_unasked(tiny, engine):
    head, tail = tiny.sides(frozenset(("picture", "real", "conv", "relu", "positive")))
    engine.prefer([head, tail])
    assert engine.settle(_SOON_S)
    assert engine.ready_specs() == {head, tail}


def test_a_walk_yields_every_layer_once_as_the_whole_computes_it(tiny, engine):
    names = [entry.name for entry in tiny.definition.graph.layers if entry.inputs]
    expected = engine.once(PartSpec(tiny.inputs, tuple(names))).run(tiny.feeds).layers
    found = list(engine.walk(tiny.feeds))
    assert [name for name, _ in found] == names
    for name, value in found:
        pairs = zip(value, expected[name], strict=True) if isinstance(value, tuple) else [(value, expected[name])]
        assert all(_close(*pair) for pair in pairs)
    assert not engine.ready_specs()


def test_parts_still_run_after_close(tiny, engine):
    part, late = engine.part(tiny.whole), engine.part(PartSpec(tiny.inputs, ("relu",)))
    expected = part.run(tiny.feeds).outputs["scores"]
    folder = engine._builder._packed.folder
    engine.close()
    engine.close()
    assert np.array_equal(part.run(tiny.feeds).outputs["scores"], expected)
    assert late.run(tiny.feeds).layers["relu"].shape == (1, 16, 8, 8)
    assert not folder.exists()


def test_an_engine_that_nobody_holds_ends_its_thread_and_removes_its_folder(tiny):
    engine = OnnxEngine(tiny)
    engine.part(tiny.whole).run(tiny.feeds)
    thread, folder = engine._sessions._thread, engine._builder._packed.folder
    assert folder.exists()
    del engine
    gc.collect()
    thread.join(_SOON_S)
    assert not thread.is_alive()
    assert not folder.exists()


def test_a_folder_of_ones_own_is_used_again(tiny, tmp_path, monkeypatch):
    first = OnnxEngine(tiny, folder=tmp_path / "kept")
    expected = first.part(tiny.whole).run(tiny.feeds).outputs["scores"]
    first.close()
    monkeypatch.setattr("split_model.engines.onnx.building.fused", None)
    second = OnnxEngine(tiny, folder=tmp_path / "kept")
    assert np.array_equal(second.part(tiny.whole).run(tiny.feeds).outputs["scores"], expected)
    second.close()


def test_importing_the_engine_imports_neither_a_runtime_nor_torch():
    code = "import sys, split_model.engines.onnx.engine; print({'torch', 'onnx', 'onnxruntime'} & sys.modules.keys())"
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "set()\n"
