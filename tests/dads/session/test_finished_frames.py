"""A detector over pictures: its boxes in results, drawn, saved and shown, whatever goes wrong with one of them."""

import asyncio
import io
import json
import logging
import signal
import threading
from fractions import Fraction

import av
import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import split_model
from dads.errors import CommandError
from dads.live import LiveView
from dads.session.finished_frames import FinishedFrames
from dads.session.session import EdgeSession, FileOptions, StreamOptions
from edge_service import AgentConfig, FrameResult, Outcome
from edge_service.control import Controller
from edge_service.control.policies import Adaptive, EdgeOnly
from edge_service.output.background import Background
from edge_service.run import Shown

LIMIT_S = 20.0
SIZE = 32
WIDTH, HEIGHT = 96, 48
SQUARES = ((40, 8, 60, 28), (30, 20, 50, 40), (50, 12, 70, 32))  # within the middle 48 columns, that the model sees


class Bright(nn.Module):
    """How bright each of 32 x 32 places is."""

    def forward(self, image):
        return {"bright": torch.relu(image.float().mean(1) / 255)}


def around_the_bright(outputs):
    rows, columns = torch.nonzero(outputs["bright"][0] > 0.5, as_tuple=True)
    corners = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    return {"boxes": [[int(corner) for corner in corners]], "labels": ["square"], "scores": [0.875]}


@pytest.fixture(scope="module")
def traced():
    return split_model.model_of(
        Bright().eval(), (torch.zeros(1, 3, SIZE, SIZE, dtype=torch.uint8),), name="made_here:bright"
    )


@pytest.fixture
def detector(traced):
    traced.postprocess = around_the_bright
    yield traced
    traced.postprocess = None


@pytest.fixture
def squares(tmp_path):
    """Pictures of a white square on black, each at another place."""
    folder = tmp_path / "squares"
    folder.mkdir()
    for number, (x1, y1, x2, y2) in enumerate(SQUARES):
        pixels = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
        pixels[y1:y2, x1:x2] = 255
        encoder = av.CodecContext.create("png", "w")
        encoder.width, encoder.height, encoder.pix_fmt, encoder.time_base = WIDTH, HEIGHT, "rgb24", Fraction(1, 25)
        packets = [*encoder.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")), *encoder.encode()]
        (folder / f"{number}.png").write_bytes(b"".join(map(bytes, packets)))
    return folder


@pytest.fixture(autouse=True)
def signals_as_before():
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def session(model, source, *, rate_hz=20.0, **files):
    seconds = tuple(1e-3 for _ in model.graph.layers)
    return EdgeSession(
        model,
        None,
        AgentConfig(rate_hz=rate_hz, max_waiting=64),
        StreamOptions(str(source), rate_hz, None, loop=False),
        edge_profile=split_model.Profile(layer_s=seconds, whole_s=sum(seconds)),
        verify=False,
        metrics_port=None,
        files=FileOptions(**files),
    )


def lines(made, *policies):
    results = io.StringIO()
    report = asyncio.run(made.run(policies or [Adaptive()], results))
    return report, [json.loads(line) for line in results.getvalue().splitlines()]


def test_boxes_are_around_what_the_source_shows(detector, squares, capsys):
    report, told = lines(session(detector, squares))
    assert [line["outcome"] for line in told] == ["edge_only"] * 3
    for line, square in zip(told, SQUARES, strict=True):
        assert line["picture"] == {"width": WIDTH, "height": HEIGHT}
        assert line["result"]["boxes"][0] == pytest.approx(square, abs=HEIGHT / SIZE)
        assert (line["result"]["labels"], line["result"]["scores"]) == (["square"], [0.875])
    assert report.keys().isdisjoint({"pictures", "saved_outputs"})
    assert capsys.readouterr().out.count("1 square") == 3


@pytest.mark.parametrize("name", ["drawn", "drawn.mp4"])
def test_the_first_runs_pictures_are_drawn_and_its_outputs_saved(detector, squares, tmp_path, name):
    made = session(detector, squares, draw=tmp_path / name, save_outputs=tmp_path / "saved")
    report, told = lines(made, Adaptive(), EdgeOnly())
    assert report["pictures"] == {"drawn": 3, "skipped": 0}
    assert report["saved_outputs"] == 3
    assert made.problems == []
    assert report["baselines"]["edge_only"].keys().isdisjoint({"pictures", "saved_outputs"})
    assert [line.get("saved_as") for line in told] == [f"frame-00000{frame}.npz" for frame in range(3)] + [None] * 3
    for line, (x1, _, x2, y2) in zip(told[:3], SQUARES, strict=True):
        with np.load(tmp_path / "saved" / line["saved_as"]) as read:
            assert read["bright"].shape == (1, SIZE, SIZE)
            assert read["bright"].max() == 1
        image = picture(tmp_path / name, line["frame"]).astype(int)
        assert image[y2 - 7 : y2 - 4, x1 + 6 : x2 - 6].min() > 200, "the square, below the label"
        # The box is orange: along its lower edge there is much more red than blue.
        edge = image[y2 - 2 : y2 + 3, x1 + 4 : x2 - 4]
        assert (edge[..., 0] - edge[..., 2]).max(axis=0).min() > 60


def picture(path, frame):
    if path.suffix:
        with av.open(str(path)) as video:
            return list(video.decode(video=0))[frame].to_ndarray(format="rgb24")
    with Image.open(path / f"frame-{frame:06}.jpg") as image:
        return np.asarray(image)


def test_a_postprocess_that_fails_loses_no_frame_and_is_told_once(traced, squares, tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(traced, "postprocess", lambda outputs: outputs["boxes"])
    with caplog.at_level(logging.ERROR, logger="dads"):
        report, told = lines(session(traced, squares, draw=tmp_path / "drawn"))
    assert report["frames"]["done"] == 3
    assert all("KeyError: 'boxes'" in line["result_error"] for line in told)
    assert len(caplog.records) == 1
    assert report["pictures"]["drawn"] == 3, "without boxes"


def test_a_full_disk_loses_no_result(detector, squares, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    for module in ("saved_outputs", "drawn_pictures"):
        monkeypatch.setattr(f"edge_service.output.{module}.write_whole", full)
    made = session(detector, squares, draw=tmp_path / "drawn", save_outputs=tmp_path / "saved")
    report, told = lines(made)
    assert len(told) == report["frames"]["done"] == 3
    assert all(line["result"]["labels"] == ["square"] for line in told)
    assert [problem.split(": ")[1].split(";")[0] for problem in made.problems] == ["No space left on device"] * 2
    assert [problem.split()[0] for problem in made.problems] == ["--save-outputs", "--draw"]


def test_a_slow_postprocess_leaves_the_loop_free_and_holds_the_source_up(detector, squares, monkeypatch):
    """The loop goes on while a postprocess waits for it; and no more frames are read than may wait."""
    alive, loops = threading.Event(), []

    def waits_for_the_loop(outputs):
        loops[0].call_soon_threadsafe(alive.set)
        assert alive.wait(LIMIT_S)
        alive.clear()
        return around_the_bright(outputs)

    async def main():
        loops.append(asyncio.get_running_loop())
        results = io.StringIO()
        await session(detector, squares).run([Adaptive()], results)
        return results.getvalue().splitlines()

    monkeypatch.setattr(detector, "postprocess", waits_for_the_loop)
    assert len(asyncio.run(main())) == 3


async def test_while_results_wait_there_is_no_room_for_frames(detector):
    go = threading.Event()
    detector.postprocess = lambda _: go.wait(LIMIT_S)
    graph = detector.graph
    results = io.StringIO()
    finished = FinishedFrames(detector, "run", LiveView("it", graph, "run"), results=results, table=None)
    state = Controller(graph, tuple(1.0 for _ in graph.layers)).state(0.0)
    outputs = {"bright": torch.zeros(1, SIZE, SIZE)}
    for number in range(12):
        finished.took(FrameResult(number, Outcome.EDGE_ONLY, outputs=outputs), Shown(0.0, None), state)
    waiting = asyncio.ensure_future(finished.room())
    await asyncio.sleep(0)
    assert not waiting.done()
    go.set()
    await asyncio.wait_for(waiting, LIMIT_S)
    assert await asyncio.to_thread(finished.close) == {}
    assert [json.loads(line)["frame"] for line in results.getvalue().splitlines()] == list(range(12))


def test_pictures_are_kept_only_where_somebody_wants_them(detector, squares, monkeypatch):
    kept = []
    put = Background.put

    def saw(background, item):
        if hasattr(item, "shown"):
            kept.append(item.shown.content)
        put(background, item)

    monkeypatch.setattr(Background, "put", saw)
    lines(session(detector, squares))
    assert [(content.placement().width, content.keeps_picture) for content in kept] == [(WIDTH, False)] * 3


def test_a_model_that_takes_no_frames_is_refused_before_anything_is_written(squares, tmp_path):
    model = split_model.model_of(nn.Linear(4, 3).eval(), (torch.ones(1, 4),), name="made_here:linear")
    with pytest.raises(CommandError, match=r"takes float32 \[1, 4\]; frames from a source are uint8"):
        lines(session(model, squares, draw=tmp_path / "drawn.mp4", save_outputs=tmp_path / "saved"))
    assert list(tmp_path.iterdir()) == [squares]


async def test_a_line_is_strict_json_whatever_was_predicted(detector):
    graph = detector.graph
    results = io.StringIO()
    finished = FinishedFrames(detector, "run", LiveView("it", graph, "run"), results=results, table=None)
    state = Controller(graph, tuple(1.0 for _ in graph.layers)).state(0.0)
    finished.took(FrameResult(0, Outcome.FAILED, uplink_bps=float("inf")), Shown(0.0, None), state)
    await asyncio.to_thread(finished.close)
    assert json.loads(results.getvalue(), parse_constant=pytest.fail)["uplink_bps"] is None
