"""Runs over sources that fail, in part or in the middle: what is reported, and how the command ends."""

import asyncio
import io
import json
import logging

import av
import numpy as np
import pytest
import structlog
from PIL import Image

import split_model
from dads.session.session import EdgeSession, StreamOptions
from edge_service import AgentConfig
from edge_service.control.policies import Adaptive, EdgeOnly
from edge_service.sources import SourceFailedError, SourceFormatError

EDGE = ("edge", "--model", "zoo:easy_net", "--rate", "100")


@pytest.fixture(autouse=True)
def logging_as_before():
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.fixture
def folder(tmp_path):
    """Three images; the second one was cut off."""
    images = tmp_path / "images"
    images.mkdir()
    noise = np.random.default_rng(0).integers(0, 255, (48, 64, 3), dtype=np.uint8)
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        Image.fromarray(noise).save(images / name)
    (images / "b.jpg").write_bytes((images / "a.jpg").read_bytes()[:2000])
    return images


@pytest.fixture
def cut_off(tmp_path):
    """A clip of 20 pictures at 10 a second, without its second half."""
    path = tmp_path / "clip.mkv"
    numbers = np.random.default_rng(3)
    with av.open(str(path), "w") as file:
        stream = file.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(20):
            image = numbers.integers(0, 255, (48, 64, 3), dtype=np.uint8)
            file.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        file.mux(stream.encode())
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path


@pytest.fixture
def session(easy_net):
    def make(source, *, rate_hz=10.0, verify=False, loop=False):
        seconds = tuple(1e-3 for _ in easy_net.graph.layers)
        return EdgeSession(
            easy_net,
            None,
            AgentConfig(rate_hz=rate_hz, keep_inputs=verify, max_waiting=64),
            StreamOptions(str(source), rate_hz, None, loop),
            edge_profile=split_model.Profile(layer_s=seconds, whole_s=sum(seconds)),
            verify=verify,
            metrics_port=None,
            shows_table=False,
        )

    return make


def run(session, policies=(Adaptive,)):
    """Runs it; returns its report, the lines of its results, and the error that ended it."""
    results, error = io.StringIO(), None
    try:
        asyncio.run(session.run([policy() for policy in policies], results))
    except Exception as ended:  # noqa: BLE001 - which one is what the tests are about
        error = ended
    return session.report, [json.loads(line) for line in results.getvalue().splitlines()], error


def test_a_bad_image_is_a_failed_frame_with_its_name_and_the_run_goes_on(session, folder, caplog):
    with caplog.at_level(logging.WARNING):
        made, lines, error = run(session(folder, rate_hz=100.0, verify=True))
    assert error is None
    assert [(line["name"], line["outcome"]) for line in lines] == [
        ("a.jpg", "edge_only"),
        ("b.jpg", "failed"),
        ("c.jpg", "edge_only"),
    ]
    assert "b.jpg" in lines[1]["error"]
    assert {name: made["frames"][name] for name in ("read", "done", "failed")} == {"read": 3, "done": 2, "failed": 1}
    assert {name: made["source"][name] for name in ("read", "failed", "error")} == {
        "read": 3,
        "failed": 1,
        "error": None,
    }
    assert made["verify"] == {"checked": 2, "different": 0, "against": "module"}
    assert "error" not in made
    assert not [record for record in caplog.records if record.exc_info], "no stack trace"


def test_the_log_says_once_why_images_of_a_kind_are_bad(session, folder, caplog):
    for name in ("d.jpg", "e.jpg"):
        (folder / name).write_bytes((folder / "b.jpg").read_bytes())
    with caplog.at_level(logging.WARNING):
        _, lines, _ = run(session(folder, rate_hz=100.0))
    assert [line["outcome"] for line in lines].count("failed") == 3
    assert len([record for record in caplog.records if "a picture" in record.getMessage()]) == 1


def test_what_was_read_of_a_file_that_fails_is_finished_compared_and_reported(session, cut_off):
    made, lines, error = run(session(cut_off, verify=True), (Adaptive, EdgeOnly))
    assert isinstance(error, SourceFailedError)
    assert 3 < len(lines) < 18
    assert made["frames"]["read"] == made["frames"]["done"] == made["verify"]["checked"] == len(lines)
    assert made["source"]["error"] == made["error"] == str(error)
    assert made["baselines"] == {}, "nothing more was begun"


def test_a_file_that_is_no_video_has_a_report_too(session, tmp_path):
    (tmp_path / "text.mp4").write_text("no video")
    made, lines, error = run(session(tmp_path / "text.mp4"))
    assert isinstance(error, SourceFormatError)
    assert (made["frames"]["read"], lines) == (0, [])
    assert made["source"]["error"] == str(error)


def test_a_file_that_vanishes_before_it_is_repeated_has_failed(session, cut_off):
    class Vanishing(io.StringIO):
        def write(self, text):
            clip.unlink(missing_ok=True)
            return super().write(text)

    clip = cut_off.with_name("whole.mp4")
    with av.open(str(clip), "w") as file:
        stream = file.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for packet in (*stream.encode(av.VideoFrame(64, 48, "yuv420p")), *stream.encode()):
            file.mux(packet)
    looped = session(clip, rate_hz=10.0, loop=True)
    with pytest.raises(SourceFailedError, match=r"whole\.mp4: No such file"):
        asyncio.run(looped.run([Adaptive()], Vanishing()))
    assert looped.report["frames"]["done"] > 0


@pytest.mark.parametrize("policies", [(Adaptive,), (Adaptive, EdgeOnly)])
def test_results_that_cannot_be_written_leave_a_report_too(session, folder, policies):
    class Full(io.StringIO):
        def write(self, _):
            raise OSError(28, "No space left on device")

    (folder / "b.jpg").unlink()
    full = session(folder, rate_hz=100.0)
    with pytest.raises(OSError, match="No space left"):
        asyncio.run(full.run([policy() for policy in policies], Full()))
    assert "No space left" in full.report["error"]
    assert full.report["frames"]["read"] > 0
    assert ("baselines" in full.report) is (len(policies) > 1)


def test_the_command_fails_after_a_file_that_failed_and_writes_its_report(dads, times, cut_off, tmp_path):
    report = tmp_path / "report.json"
    result = dads(*EDGE, "--profile", times.edge_file, "--engine", "torch", "--source", cut_off, "--report", report)
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1].startswith(f"error: {cut_off} cannot be read to its end: after ")
    assert json.loads(report.read_text())["frames"]["done"] > 3


def test_the_command_says_wrong_usage_where_nothing_could_be_read(dads, times, tmp_path):
    (tmp_path / "text.mp4").write_text("no video")
    report = tmp_path / "report.json"
    result = dads(
        *EDGE, "--profile", times.edge_file, "--engine", "torch", "--source", tmp_path / "text.mp4", "--report", report
    )
    assert result.exit_code == 2
    assert "text.mp4 is not a video that can be read" in result.stderr.splitlines()[-1]
    assert json.loads(report.read_text())["frames"]["read"] == 0


def test_the_command_fails_if_no_frame_has_a_result(dads, times, folder, tmp_path):
    for name in ("a.jpg", "c.jpg"):
        (folder / name).unlink()
    report = tmp_path / "report.json"
    result = dads(*EDGE, "--profile", times.edge_file, "--engine", "torch", "--source", folder, "--report", report)
    assert result.exit_code == 1
    said = result.stderr.splitlines()[-1]
    assert said.startswith("error: no frame has a result, 1 failed: ")
    assert "truncated" in said
    assert json.loads(report.read_text())["frames"]["failed"] == 1
