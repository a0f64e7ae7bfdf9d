"""Cloud and edge as processes at the ends of an emulated link, as every live benchmark runs them."""

import pytest

from bench.links.shaped import open_link
from bench.live.run import EdgeRun
from bench.live.services import serve

MODEL = "zoo:easy_net"


@pytest.fixture(scope="module")
def live():
    with open_link(50e6, kind="emulator") as link, serve(link, [MODEL]) as running:
        yield running


def test_frames_run_through_an_agent_and_their_times_are_told(live):
    frames = live.run(EdgeRun(MODEL, live.address, strategy="cloud_only", frames=3, warmup=1))
    assert [frame.outcome for frame in frames] == ["offloaded"] * 3
    assert all(frame.wall_s >= frame.latency_s > 0 for frame in frames)
    assert all(set(frame.predicted) == {"head", "transfer", "fixed", "tail"} for frame in frames)


def test_given_splits_are_run_one_after_another(live):
    names = [layer.name for layer in live.load(MODEL).graph.layers]
    splits = tuple(tuple(names[:count]) for count in (1, len(names) - 1, len(names)))
    frames = live.run(EdgeRun(MODEL, live.address, splits=splits, frames=2, warmup=1))
    assert [frame.split for frame in frames] == [0, 0, 1, 1, 2, 2]
    assert [frame.outcome for frame in frames] == ["offloaded"] * 4 + ["edge_only"] * 2
    assert frames[0].cut == names[0]


def test_both_ends_may_run_in_onnx_runtime_from_a_file(tmp_path, monkeypatch):
    monkeypatch.setattr("bench.live.model_files.FOLDER", tmp_path)
    monkeypatch.setattr("bench.live.model_files.KEPT", tmp_path / "kept")
    with open_link(50e6, kind="emulator") as link, serve(link, [MODEL], "onnx") as live:
        assert live.loaded[MODEL].startswith(f"file:{tmp_path}")
        names = [layer.name for layer in live.load(MODEL).graph.layers]
        splits = tuple(tuple(names[:count]) for count in (2, 1))
        frames = live.run(EdgeRun(MODEL, live.address, splits=splits, frames=1, warmup=1))
    assert [(frame.outcome, frame.cut) for frame in frames] == [("offloaded", names[i]) for i in (1, 0)]


def test_a_run_at_a_rate_ends_with_the_frames_that_were_wanted(live):
    frames = live.run(EdgeRun(MODEL, None, strategy="edge_only", pace="rate", rate_hz=200.0, frames=5, warmup=0))
    assert sum(frame.has_result for frame in frames) >= 5


def test_an_oracle_knows_when_the_link_stands_still(live):
    """The link itself is fast: only the trace says that nothing gets through."""
    still = ((0.0, 1000.0), (0.0, 1e6))
    run = EdgeRun(MODEL, live.address, trace=still, frames=3, slowdown=2.0)
    assert [frame.outcome for frame in live.run(run)] == ["edge_only"] * 3
    fast = ((0.0, 1000.0), (1e12, 1e12))
    run = EdgeRun(MODEL, live.address, trace=fast, frames=3, slowdown=200.0)
    assert [frame.outcome for frame in live.run(run)] == ["offloaded"] * 3


def test_frames_may_be_sent_as_jpeg(live):
    inputs = tuple(layer.name for layer in live.load(MODEL).graph.layers if not layer.inputs)
    bits = {}
    for form in ("raw", "jpeg"):
        run = EdgeRun(MODEL, live.address, splits=(inputs,), frames=2, input_encoding=form)
        frames = live.run(run)
        assert [frame.outcome for frame in frames] == ["offloaded"] * 2
        bits[form] = min(frame.predicted["transfer"] * frame.uplink_bps for frame in frames)
    assert bits["jpeg"] < bits["raw"] / 2
