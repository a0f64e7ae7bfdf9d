"""Runs of `dads edge` over a camera: they go on over losses, and end by what the user said only."""

import asyncio
import logging
import os
import signal
import socket
import threading
import urllib.request

import pytest

import split_model
from chaos.cameras.mjpeg import MjpegCamera
from chaos.cameras.options import CameraOptions
from dads.planning import encodings
from dads.session.session import EdgeSession, StreamOptions
from edge_service import AgentConfig
from edge_service.control.policies import Adaptive, EdgeOnly
from edge_service.sources.errors import SourceLostError
from edge_service.sources.live import LiveOptions


@pytest.fixture
def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


QUICK = CameraOptions(width=64, height=48, rate_hz=50.0)


@pytest.fixture(scope="module")
def easy_net():
    return split_model.load("zoo:easy_net")


def session_over(model, camera, *, frames=None, metrics_port=None, cloud=None, **live):
    seconds = tuple(1e-3 for _ in model.graph.layers)
    return EdgeSession(
        model,
        cloud,
        AgentConfig(rate_hz=50.0, max_waiting=1),
        StreamOptions(camera.address, 50.0, frames, False, LiveOptions(**live)),
        edge_profile=split_model.Profile(layer_s=seconds, whole_s=sum(seconds)),
        verify=False,
        metrics_port=metrics_port,
        shows_table=False,
    )


class Results:
    """Do something when so many lines are written."""

    def __init__(self, actions):
        self.actions, self.seen = actions, 0

    def write(self, text):
        self.seen += 1
        self.actions.get(self.seen, lambda: None)()

    def flush(self):
        pass


def test_a_run_goes_on_over_a_loss_which_metrics_and_report_tell(easy_net, free_port):
    told = []

    def scrape():
        with urllib.request.urlopen(f"http://127.0.0.1:{free_port}/metrics", timeout=10) as answer:
            told.append(answer.read().decode())

    with MjpegCamera(QUICK) as camera:
        session = session_over(easy_net, camera, frames=20, metrics_port=free_port)
        made = asyncio.run(session.run([EdgeOnly()], Results({5: camera.hang_up, 15: scrape})))
    assert made["frames"]["read"] == 20
    assert made["source"]["reconnects"] == 1
    (gap,) = made["source"]["gaps"]
    assert "ended" in gap["why"] or "reset" in gap["why"]
    assert "dads_source_reconnects_total 1.0" in told[0]


def test_a_camera_that_does_not_come_back_is_given_up_with_a_report(easy_net):
    with MjpegCamera(QUICK) as camera:
        session = session_over(easy_net, camera, give_up_after_s=0.4)
        with pytest.raises(SourceLostError, match=r"given up after 0\.4 s"):
            asyncio.run(session.run([EdgeOnly()], Results({3: camera.power_off})))
    assert session.report["frames"]["done"] >= 3
    assert "given up" in session.report["source"]["error"]
    assert len(session.report["source"]["gaps"]) == 1


def test_a_signal_ends_a_run_whose_camera_is_gone(easy_net):
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def leave():
        camera.power_off()
        threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGTERM)).start()

    with MjpegCamera(QUICK) as camera:
        made = asyncio.run(session_over(easy_net, camera).run([EdgeOnly()], Results({3: leave})))
    for number, handler in before.items():
        signal.signal(number, handler)
    assert made["source"]["error"] is None
    (gap,) = made["source"]["gaps"]
    assert gap["seconds"] > 0


def test_a_camera_that_is_gone_is_waited_for_once_also_with_a_cloud(easy_net, caplog):
    with MjpegCamera(QUICK) as camera, caplog.at_level(logging.WARNING):
        camera.power_off()
        session = session_over(easy_net, camera, cloud="127.0.0.1:1", give_up_after_s=0.2)
        with pytest.raises(SourceLostError, match=r"given up after 0\.2 s"):
            asyncio.run(session.run([Adaptive()], None))
    assert caplog.text.count("no pictures") == 1
    assert "given up" in session.report["source"]["error"]


def test_a_signal_before_the_first_picture_measures_nothing(easy_net, monkeypatch):
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    first_frames = encodings.first_frames

    def soon_stopped(*args, **options):
        threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGTERM)).start()
        return first_frames(*args, **options)

    monkeypatch.setattr(encodings, "first_frames", soon_stopped)
    monkeypatch.setattr(encodings, "measure", lambda *_: pytest.fail("this takes long for a large model"))
    with MjpegCamera(QUICK) as camera:
        camera.power_off()
        made = asyncio.run(session_over(easy_net, camera, cloud="127.0.0.1:1").run([Adaptive()], None))
    for number, handler in before.items():
        signal.signal(number, handler)
    assert made["frames"]["read"] == 0
