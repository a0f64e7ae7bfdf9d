"""`dads edge` as its own process and in this one: ends, signals, metrics, broken pipes."""

import asyncio
import contextlib
import io
import json
import logging
import os
import re
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import urllib.request
from types import SimpleNamespace

import av
import numpy as np
import pytest
import torch

import split_model
from dads.errors import CommandError
from dads.session.session import EdgeSession, StreamOptions
from edge_service import AgentConfig, Verifier
from edge_service.control.policies import Adaptive, EdgeOnly
from edge_service.sources import SourceError

LIMIT_S = 60.0


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """One second of noise, 10 frames a second."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    numbers = np.random.default_rng(3)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(10):
            image = numbers.integers(0, 255, (48, 64, 3), dtype=np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
    return path


@pytest.fixture(autouse=True)
def signals_as_before():
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def session(easy_net, clip):
    """Make a session without a cloud over the clip."""

    def make(
        *, source=None, rate_hz=50.0, frames=None, loop=False, verify=False, metrics_port=None, model=easy_net, **extra
    ):
        seconds = tuple(1e-3 for _ in model.graph.layers)
        return EdgeSession(
            model,
            None,
            AgentConfig(rate_hz=rate_hz, keep_inputs=verify, max_waiting=64),
            StreamOptions(str(source or clip), rate_hz, frames, loop),
            edge_profile=split_model.Profile(layer_s=seconds, whole_s=sum(seconds)),
            verify=verify,
            metrics_port=metrics_port,
            **extra,
        )

    return make


def run(session, policies=("adaptive",), results=None):
    named = {policy.name: policy for policy in (Adaptive(), EdgeOnly())}
    return asyncio.run(session.run([named[name] for name in policies], results))


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


class Watched(io.StringIO):
    """Results, and an event when the n-th line is there."""

    def __init__(self, count, then):
        super().__init__()
        self.count, self.then, self.seen = count, then, 0

    def write(self, text):
        self.seen += 1
        if self.seen == self.count:
            self.then()
        return super().write(text)


def test_a_source_that_ends_ends_the_run(session):
    results = io.StringIO()
    made = run(session(rate_hz=10.0), results=results)
    lines = [json.loads(line) for line in results.getvalue().splitlines()]
    assert made["frames"]["read"] == made["frames"]["done"] == 10
    assert [line["frame"] for line in lines] == list(range(10))
    assert [line["source_s"] for line in lines] == pytest.approx([number / 10 for number in range(10)])
    assert {line["outcome"] for line in lines} == {"edge_only"}
    assert "verify" not in made
    assert "baselines" not in made


def test_the_table_is_shown_if_it_is_wanted(session, capsys):
    run(session(frames=2))
    assert "predicted > measured" in capsys.readouterr().out
    run(session(frames=2, shows_table=False), results=sys.stdout)
    assert [json.loads(line)["frame"] for line in capsys.readouterr().out.splitlines()] == [0, 1]


def test_verification_compares_every_result(session):
    assert run(session(frames=12, verify=True))["verify"] == {"checked": 12, "different": 0, "against": "module"}


def test_a_wrong_result_is_counted_and_logged(session, easy_net, monkeypatch, caplog):
    split = easy_net.split

    def off(edge):
        head, tail = split(edge)

        def wrong(inputs):
            return {layer: value + 1 for layer, value in head.run(inputs).items()}

        return SimpleNamespace(run=wrong), tail

    monkeypatch.setattr(easy_net, "split", off)
    with caplog.at_level(logging.ERROR, logger="dads"):
        made = run(session(frames=3, verify=True))
    assert made["verify"] == {"checked": 3, "different": 3, "against": "module"}
    assert "frame 0: " in caplog.text


def test_a_cloud_that_computed_nothing_is_told_at_the_end(easy_net, clip, caplog):
    config = AgentConfig(rate_hz=50.0, encodings="raw", connect_timeout_s=0.5)
    profile = split_model.Profile(layer_s=tuple(1e-3 for _ in easy_net.graph.layers), whole_s=0.01)
    stream = StreamOptions(str(clip), 50.0, 2, False)
    alone = EdgeSession(
        easy_net, f"127.0.0.1:{free_port()}", config, stream, edge_profile=profile, verify=False, metrics_port=None
    )
    with caplog.at_level(logging.WARNING, "dads"):
        assert run(alone)["frames"]["edge_only"] == 2
    (said,) = [record.getMessage() for record in caplog.records if "computed no frame" in record.getMessage()]
    assert "the results are of this machine alone" in said
    assert "no answer from the cloud" in said


def test_baselines_run_over_the_same_frames(session):
    made = run(session(frames=4, verify=True), ["adaptive", "edge_only"])
    assert made["baselines"].keys() == {"edge_only"}
    assert made["frames"]["read"] == made["baselines"]["edge_only"]["frames"]["read"] == 4
    assert made["baselines"]["edge_only"]["strategy"] == "edge_only"
    assert made["baselines"]["edge_only"]["verify"]["checked"] == 4


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_in_mid_stream_ends_the_run_in_order(session, number):
    results = Watched(5, lambda: os.kill(os.getpid(), number))
    made = run(session(loop=True, verify=True), ["adaptive", "edge_only"], results)
    frames = made["frames"]
    assert frames["read"] == len(results.getvalue().splitlines()) >= 5
    assert frames["read"] == frames["done"] + frames["dropped"]
    assert made["verify"] == {"checked": frames["done"], "different": 0, "against": "module"}
    assert made["baselines"] == {}, "a run that was not started is not in the report"


def test_a_signal_is_heard_while_results_are_compared(session, monkeypatch):
    check_next = Verifier.check_next

    def interrupted(verifier):
        if verifier.pending() == 4:
            os.kill(os.getpid(), signal.SIGINT)
        check_next(verifier)

    monkeypatch.setattr(Verifier, "check_next", interrupted)
    made = run(session(frames=4, verify=True), ["adaptive", "edge_only"])
    assert made["verify"] == {"checked": 4, "different": 0, "against": "module"}, "what was begun is finished"
    assert made["baselines"] == {}, "and nothing more is begun"


def test_the_loop_is_free_while_results_are_compared(session, monkeypatch):
    """Or no signal, the second one included, would be heard before the comparison of a large model is done."""
    check_next = Verifier.check_next
    ticked = threading.Event()

    def waits_for_the_loop(verifier):
        loop.call_soon_threadsafe(ticked.set)
        assert ticked.wait(LIMIT_S), "the loop stands still"
        ticked.clear()
        check_next(verifier)

    async def main():
        nonlocal loop
        loop = asyncio.get_running_loop()
        return await session(frames=3, verify=True).run([Adaptive()], None)

    loop = None
    monkeypatch.setattr(Verifier, "check_next", waits_for_the_loop)
    assert asyncio.run(main())["verify"] == {"checked": 3, "different": 0, "against": "module"}


def test_a_second_signal_ends_the_process_while_results_are_compared(clip):
    code = f"""
        import asyncio, os, signal, threading
        from dads.session.session import EdgeSession
        from dads.__main__ import main
        from edge_service import Verifier

        stop, stopped = EdgeSession._stop, threading.Event()

        def heard(session, number):
            stopped.set()
            stop(session, number)

        def check_next(verifier):
            os.kill(os.getpid(), signal.SIGTERM)
            stopped.wait({LIMIT_S})
            os.kill(os.getpid(), signal.SIGTERM)
            threading.Event().wait({LIMIT_S})
            os._exit(99)

        EdgeSession._stop = heard
        Verifier.check_next = check_next
        main()
    """
    command = [sys.executable, "-c", textwrap.dedent(code), "edge", "--model", "zoo:easy_net", "--source", str(clip)]
    command += ["--frames", "2", "--rate", "50", "--threads", "1", "--verify"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=2 * LIMIT_S, check=False)
    assert done.returncode == -signal.SIGTERM, done.stderr


def test_a_source_that_is_not_there_is_told(session, tmp_path):
    with pytest.raises(SourceError, match=r"missing\.mp4"):
        run(session(source=tmp_path / "missing.mp4"))


def test_results_that_nobody_reads_end_the_run_with_the_error(session):
    """`dads edge --results - | head -1`: without this the agent would wait for ever."""

    def closed():
        raise BrokenPipeError("nobody reads")

    async def limited():
        async with asyncio.timeout(LIMIT_S):
            await session(loop=True).run([Adaptive()], Watched(3, closed))

    with pytest.raises(BrokenPipeError, match="nobody reads"):
        asyncio.run(limited())


def test_metrics_are_served_while_the_first_run_lasts(session):
    port = free_port()
    url = f"http://127.0.0.1:{port}/metrics"
    scraped = []

    def scrape():
        # Proxies of the environment are not for this machine.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(url, timeout=30) as answer:
            scraped.append(answer.read().decode())

    thread = threading.Thread(target=scrape)
    results = Watched(5, thread.start)
    run(session(frames=40, metrics_port=port), ["adaptive", "edge_only"], results)
    thread.join(30)
    (text,) = scraped
    assert 'dads_frames_total{outcome="edge_only"}' in text
    assert 'dads_split_info{cut="edge",mode="light",model="zoo:easy_net"} 1.0' in text
    # As measured: on a busy machine frames may come later than 50 a second.
    assert 0 < float(re.search(r"^dads_sampling_rate_hertz (\S+)$", text, re.MULTILINE)[1]) <= 60
    with socket.socket() as again:
        assert again.connect_ex(("127.0.0.1", port)) != 0, "nobody listens afterwards"


def test_a_port_that_is_taken_is_an_error_that_names_it(session):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(OSError, match="Address already in use"):
            run(session(frames=1, metrics_port=taken.getsockname()[1]))


def test_a_model_that_takes_no_pictures_is_refused_with_what_to_do(session):
    linear = torch.nn.Linear(4, 2)
    model = split_model.model_of(linear.eval(), (torch.ones(1, 4),), name="made_here:linear")
    with pytest.raises(CommandError, match=r"takes float32 \[1, 4\]; frames from a source are uint8"):
        run(session(model=model))


def test_too_high_a_rate_is_told_with_what_could_be_sustained(easy_net, clip, caplog):
    slow = split_model.Profile(tuple(1.0 if layer.inputs else 0.0 for layer in easy_net.graph.layers), 1.0)
    made = EdgeSession(
        easy_net,
        None,
        AgentConfig(rate_hz=50.0),
        StreamOptions(str(clip), 50.0, 5, loop=False),
        edge_profile=slow,
        verify=False,
        metrics_port=None,
    )
    with caplog.at_level(logging.WARNING, logger="dads"):
        run(made)
    told = [record for record in caplog.records if "lower the rate" in record.getMessage()]
    assert len(told) == 1, "not with every frame"
    assert "sustainable_hz" in told[0].getMessage()


def test_a_signal_to_the_command_still_writes_its_report(clip, tmp_path):
    """The whole command: the report is there, whole, with what was done until then."""
    report = tmp_path / "report.json"
    command = [sys.executable, "-m", "dads", "edge", "--model", "zoo:easy_net", "--source", str(clip), "--loop"]
    command += ["--rate", "20", "--threads", "1", "--verify", "--report", str(report), "--results", "-"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as edge:
        limit = threading.Timer(LIMIT_S, edge.kill)
        limit.start()
        with contextlib.closing(edge.stdout) as lines:
            seen = [json.loads(next(lines)) for _ in range(5)]
            edge.send_signal(signal.SIGTERM)
            seen += [json.loads(line) for line in lines]
        errors = edge.stderr.read()
        code = edge.wait()
        limit.cancel()
    assert code == 0, errors
    assert "Traceback" not in errors
    made = json.loads(report.read_text())
    assert made["frames"]["read"] == len(seen)
    assert made["verify"] == {"checked": made["frames"]["done"], "different": 0, "against": "module"}
