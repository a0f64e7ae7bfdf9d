"""The demo as a user starts it: all of it works, and nothing is left behind when it is interrupted."""

import json
import os
import re
import signal
import time
from pathlib import Path

import pytest
from dads_process import DadsProcess

pytest.importorskip("efficientnet_lite_pytorch", reason="the demo's model and clip are in the demo extra")

REPORT = {
    "clouds",
    "model",
    "digest",
    "engine",
    "strategy",
    "frames",
    "latency_s",
    "throughput_hz",
    "splits",
    "encodings",
    "switches",
    "stages",
    "uplink_bps",
    "downlink_bps",
    "sent_bytes",
    "places",
    "source",
    "verify",
}


def test_the_demo_adapts_compares_and_verifies_every_result(tmp_path):
    link, report = tmp_path / "link.csv", tmp_path / "report.json"
    link.write_text("# up, down, up\ntime_s,uplink_bps\n0,20e6\n2.5,1e5\n5,20e6\n")
    with DadsProcess("demo", "--frames", "40", "--rate", "6", "--link", str(link), "--report", str(report)) as demo:
        assert demo.wait() == 0, (demo.printed, demo.errors)
    made = json.loads(report.read_text())
    assert made.keys() == REPORT | {"baselines"}
    assert made["model"] == "zoo:efficientnet_lite0"
    assert made["engine"] == "onnx"
    assert made["baselines"].keys() == {"edge_only", "cloud_only"}
    for name, run in {"adaptive": made, **made["baselines"]}.items():
        check_run(name, run)
    assert made["switches"] >= 1, made["splits"]
    assert len({tuple(entry["cut"]) for entry in made["splits"]}) >= 2
    assert [entry["cut"] for entry in made["baselines"]["edge_only"]["splits"]] == [[]]
    assert made["baselines"]["cloud_only"]["frames"]["edge_only"] == 0
    text = "\n".join(demo.printed)
    assert "the uplink is now 100 kbit/s" in text
    assert "the edge is slowed down 16 times" in text
    assert "Every one of the" in text
    assert re.search("Against edge-only: (the same )?mean latency", text), text
    assert "The edge computed in ONNX Runtime, so edge-only is what runs without a cloud" in text
    assert re.search("Against cloud-only: (the same )?mean latency", text), text
    assert not any("Traceback" in line for line in demo.errors)


def check_run(name: str, run: dict) -> None:
    assert run.keys() >= REPORT, name
    assert run["strategy"] == name
    frames = run["frames"]
    assert frames["read"] == 40 == frames["done"] + frames["dropped"] + frames["failed"]
    assert frames["failed"] == 0
    assert frames["done"] == frames["offloaded"] + frames["edge_only"] + frames["local_fallback"]
    assert frames["done"] > 0
    assert run["verify"] == {"checked": frames["done"], "different": 0, "against": "module"}
    assert sum(entry["frames"] for entry in run["splits"]) == frames["done"]
    assert all(entry.keys() == {"cut", "mode", "frames"} for entry in run["splits"])
    assert all(entry["mode"] in ("light", "heavy") for entry in run["splits"])
    latency = run["latency_s"]
    assert 0 < latency["p50"] <= latency["p95"] <= latency["p99"]
    assert run["throughput_hz"] > 0
    assert (run["source"]["read"] >= 40, run["source"]["failed"], run["source"]["error"]) == (True, 0, None)
    assert run["stages"].keys() == {"head", "transfer", "fixed", "tail"}
    assert all(both.keys() == {"predicted_s", "measured_s"} for both in run["stages"].values())


@pytest.mark.parametrize(
    ("moment", "number"), [("while the cloud starts", signal.SIGINT), ("in mid-stream", signal.SIGTERM)]
)
def test_an_interrupted_demo_leaves_nothing_behind(moment, number, tmp_path):
    arguments = ("demo", "--model", "zoo:easy_net", "--frames", "10", "--rate", "10")
    with DadsProcess(*arguments, environment={"TMPDIR": str(tmp_path)}) as demo:
        pid = demo._process.pid
        if moment == "in mid-stream":
            demo.line(lambda line: line.split()[:1] == ["3"])
            assert len(descendants(pid)) >= 2, "a cloud and an edge, and decoders of the cloud"
        else:
            wait_until(lambda: descendants(pid))
        children = descendants(pid)
        assert list(tmp_path.glob("dads-demo-*"))
        demo.send(number)
        assert demo.wait(60) == 130
        wait_until(lambda: not [child for child in children if is_alive(child)])
        assert not [line for line in demo.errors + demo.printed if "Traceback" in line], demo.errors
        assert demo.errors == ["error: interrupted"]
        assert not list(tmp_path.glob("dads-demo-*"))


def test_a_model_that_is_not_there_is_wrong_usage_of_the_demo():
    with DadsProcess("demo", "--model", "zoo:nothing_like_it") as demo:
        assert demo.wait() == 2
    assert demo.errors == ["error: the cloud did not start (exit code 2); its messages are above"]
    assert any("nothing_like_it" in line for line in demo.printed)


def wait_until(condition, limit_s: float = 60.0) -> None:
    deadline_s = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline_s, "the condition did not come true in time"
        time.sleep(0.01)


def descendants(pid: int) -> list[int]:
    """Processes below this one, by what the kernel says of everybody's parent."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            fields = stat(int(entry.name))
            if fields is not None:
                parents[int(entry.name)] = int(fields[1])
    found, wanted = [], {pid}
    while wanted:
        wanted = {child for child, parent in parents.items() if parent in wanted}
        found += sorted(wanted)
    return found


def is_alive(pid: int) -> bool:
    fields = stat(pid)
    return fields is not None and fields[0] != "Z" and pid != os.getpid()


def stat(pid: int) -> list[str] | None:
    """State, parent and the rest; None when it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
