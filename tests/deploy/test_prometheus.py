"""Prometheus' own tool on the configuration, the rules, their unit tests, and what both services export."""

import re
from pathlib import Path
from types import SimpleNamespace

import prometheus_client
import pytest
import yaml

from cloud_service import CloudConfig
from cloud_service.metrics import CloudMetrics
from edge_service import AgentConfig, FrameResult, Outcome
from edge_service.control import Controller
from edge_service.output.metrics import EdgeMetrics
from partitioner import Layer, LayerGraph, Partition
from split_wire.split_pb2 import ServerTiming

DEPLOY = Path(__file__).parents[2] / "deploy/prometheus"
# Links are rated in bits per second everywhere, by those who sell them and in this project; see docs/decisions/0080.
ACCEPTED = {f'dads_{way}_bits_per_second use base unit "bytes" instead of "bits"' for way in ("uplink", "downlink")}


def rules():
    for file in sorted((DEPLOY / "rules").glob("*.yml")):
        for group in yaml.safe_load(file.read_text())["groups"]:
            yield from group["rules"]


def test_the_configuration_and_its_rules_are_valid(promtool):
    done = promtool("check", "config", "deploy/prometheus/prometheus.yml")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 rule files found" in done.stdout


def test_the_rules_do_what_their_unit_tests_say(promtool):
    done = promtool("test", "rules", "tests/deploy/rules_test.yml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_has_a_unit_test_that_lets_it_fire_and_one_that_does_not():
    fires, silent = set(), set()
    for test in yaml.safe_load(Path(__file__).with_name("rules_test.yml").read_text())["tests"]:
        for check in test.get("alert_rule_test", ()):
            (fires if check["exp_alerts"] else silent).add(check["alertname"])
    alerts = {rule["alert"] for rule in rules() if "alert" in rule}
    assert fires == alerts
    assert silent >= alerts - {"DadsResultsFailing"}


def test_every_alert_says_how_bad_it_is_and_what_to_do():
    for rule in rules():
        if "alert" in rule:
            assert rule["labels"]["severity"] in ("warning", "critical"), rule
            assert rule["annotations"].keys() == {"summary", "description"}, rule


def test_rules_ask_for_what_is_exported(exported):
    known = {name for families in exported.values() for names in families.values() for name in names}
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    for rule in rules():
        asked = set(re.findall(r"\bdads_\w+|\binstance\w*:\w+:\w+", rule["expr"]))
        asked -= {name for name in asked for record in recorded if f":{name}:" in record and name not in known}
        assert asked <= known | recorded, asked - known - recorded


@pytest.mark.parametrize("side", ["edge", "cloud"])
def test_metrics_follow_prometheus_rules(promtool, side):
    registry = used_edge() if side == "edge" else used_cloud()
    done = promtool("check", "metrics", stdin=prometheus_client.generate_latest(registry).decode())
    complaints = (done.stdout + done.stderr).split("\n")
    assert [line for line in complaints if line and line not in ACCEPTED] == []


def used_edge():
    graph = LayerGraph((Layer("x", (), 4), Layer("y", ("x",), 4)), ("y",))
    split = Partition(frozenset("x"), ("x",), edge_s=0.1, transfer_s=0.2, cloud_s=0.3, fixed_s=0.4, lower_bound_s=1.0)
    metrics = EdgeMetrics("zoo:net", graph)
    metrics.started(AgentConfig(), cloud=None, digest="abc", torch_version="2.13.0")
    metrics.split(split, "light", 9.0)
    metrics.state(Controller(graph, (0.0, 1.0), rate_hz=5.0).state(0.0))
    metrics.sent("tensor", 10)
    metrics.frame(FrameResult(0, Outcome.OFFLOADED, partition=split, mode="light", switched=True))
    return metrics.registry


def used_cloud():
    metrics = CloudMetrics(
        tails_in_flight=lambda: 0, load_factor=lambda: 1, decoders=lambda: 0, shared_addresses=lambda: 0
    )
    served = SimpleNamespace(name="zoo:net", digest="abc", torch_version="2.13.0", engine=SimpleNamespace(name="onnx"))
    metrics.started(CloudConfig(), [served])
    metrics.called("RunTail", "OK", 0.1)
    metrics.staged(ServerTiming(queue_s=0.1, decode_s=0.1, prepare_s=0.1, compute_s=0.1, encode_s=0.1))
    return metrics.registry
