"""Every name and label that operators are promised, and labels that a long run cannot multiply."""

import random

import prometheus_client
import pytest

from edge_service import AgentConfig, FrameResult, Outcome, StageTimes
from edge_service.control import CloudLost, CloudProfiled, Controller, ControllerState
from edge_service.control.policies import CloudOnly
from edge_service.output.metrics import EdgeMetrics
from partitioner import Layer, LayerGraph, Partition

# Of `split`, when something is sent.
FORESEEN = {"head": 0.0625, "encode": 0.0625, "transfer": 0.25, "fixed": 0.5, "decode": 0.125, "tail": 0.25}
GRAPH = LayerGraph(
    (Layer("x", (), 4), Layer("a", ("x",), 4), Layer("b", ("a",), 4), Layer("c", ("a",), 4), Layer("d", ("b", "c"), 4)),
    ("d",),
)
PREDICTED = ("head", "encode", "transfer", "fixed", "decode", "tail")
STAGES = (*PREDICTED, "wait", "queue")

# The metrics of the edge, with the names of their labels.
PROMISED = {
    "dads_frames_total": {"outcome"},
    "dads_frame_latency_seconds_count": set(),
    "dads_stage_seconds_count": {"stage"},
    "dads_predicted_stage_seconds": {"stage"},
    "dads_split_layers": {"side"},
    "dads_split_index": set(),
    "dads_split_info": {"model", "mode", "cut"},
    "dads_decisions_total": {"mode"},
    "dads_split_switches_total": set(),
    "dads_uplink_bits_per_second": set(),
    "dads_downlink_bits_per_second": set(),
    "dads_round_trip_seconds": set(),
    "dads_load_factor": {"side"},
    "dads_sampling_rate_hertz": set(),
    "dads_max_rate_hertz": set(),
    "dads_bytes_sent_total": {"kind"},
    "dads_table_splits": set(),
    "dads_planning_jobs_total": {"work", "result"},
    "dads_planning_seconds_total": {"work"},
    "dads_stage_predicted_seconds_total": {"stage"},
    "dads_cloud_connected": set(),
    "dads_cloud_frames_total": {"cloud"},
    "dads_cloud_usable": {"cloud"},
    "dads_cloud_in_use": {"cloud"},
    "dads_cloud_changes_total": set(),
    "dads_source_reconnects_total": set(),
    "dads_source_lost_packets_total": set(),
    "dads_build_info": {"version", "python", "torch"},
    "dads_model_info": {"model", "digest"},
    "dads_config_info": {"cloud", "strategy", "rate_hz", "slowdown", "max_waiting", "max_in_flight"},
}


def split(edge: str, *cut: str) -> Partition:
    return Partition(
        edge=frozenset(edge),
        cut=cut,
        edge_s=0.125,
        transfer_s=0.25,
        cloud_s=0.375,
        fixed_s=0.5,
        lower_bound_s=1.0,
        encode_s=0.0625 if cut else 0.0,
        decode_s=0.125 if cut else 0.0,
    )


def state(rate_hz: float = 5.0) -> ControllerState:
    return Controller(GRAPH, (0.0, 1.0, 1.0, 1.0, 1.0), rate_hz=rate_hz).state(0.0)


@pytest.fixture
def metrics() -> EdgeMetrics:
    return EdgeMetrics("zoo:net", GRAPH)


def samples(metrics: EdgeMetrics) -> dict[str, list]:
    found: dict[str, list] = {}
    for family in metrics.registry.collect():
        for sample in family.samples:
            found.setdefault(sample.name, []).append(sample)
    return found


def offloaded(**fields: object) -> FrameResult:
    times = StageTimes(
        wait_s=0.25,
        head_s=0.0625,
        encode_s=0.125,
        link_wait_s=0.5,
        transfer_s=0.25,
        round_trip_s=0.125,
        queue_s=0.25,
        unpack_s=0.03125,
        server_s=0.0625,
        tail_s=0.3125,
        decode_s=0.03125,
    )
    given = {"partition": split("xa", "a"), "mode": "light", "latency_s": 2.0, "times": times}
    return FrameResult(0, Outcome.OFFLOADED, **{**given, **fields})


def used(metrics: EdgeMetrics) -> EdgeMetrics:
    """Everything that can happen, once."""
    metrics.split(split("xa", "a"), "light", 9.0)
    metrics.state(state())
    metrics.sent("tensor", 10)
    metrics.sent("probe", 20)
    metrics.planned("build", 0.5, failed=False)
    metrics.frame(offloaded())
    metrics.started(
        AgentConfig(rate_hz=3.0),
        cloud="192.0.2.7:50051",
        clouds=("192.0.2.7:50051",),
        digest="abc",
        torch_version="2.13.0",
    )
    return metrics


def test_every_promised_name_and_label_is_there(metrics):
    found = samples(used(metrics))
    for name, labels in PROMISED.items():
        assert name in found, name
        assert all(set(sample.labels) == labels for sample in found[name]), name
    names = {name.removesuffix("_count").removesuffix("_total").removesuffix("_info") for name in PROMISED}
    names |= {"dads_split_info"}  # a gauge of this name, not an Info
    extra = {family.name for family in metrics.registry.collect()} - names
    extra = {name for name in extra if not name.startswith("process_")}  # as every Prometheus client has them
    assert not extra, "a metric that nobody promised"


def test_each_cloud_is_told_by_its_address(metrics):
    controller = Controller(GRAPH, (0.0, 1.0, 1.0, 1.0, 1.0), clouds=2, rng=random.Random(0), policy=CloudOnly())
    metrics.started(AgentConfig(), cloud="a:1,b:1", clouds=("a:1", "b:1"), digest="abc", torch_version="2.13.0")

    def told(name):
        return [metrics.registry.get_sample_value(name, {"cloud": each}) for each in ("a:1", "b:1")]

    metrics.state(controller.state(0.0))
    assert told("dads_cloud_usable") == [0.0, 0.0]
    assert metrics.registry.get_sample_value("dads_cloud_connected") == 0.0
    controller.observe(CloudProfiled((0.0,) * 5), 0.0, 1)
    controller.plan(0.0)
    metrics.state(controller.state(0.0))
    metrics.frame(offloaded(cloud="b:1"))
    assert told("dads_cloud_usable") == told("dads_cloud_in_use") == told("dads_cloud_frames_total") == [0.0, 1.0]
    assert metrics.registry.get_sample_value("dads_cloud_connected") == 1.0
    controller.observe(CloudProfiled((0.0,) * 5), 1.0, 0)
    controller.observe(CloudLost("killed"), 1.0, 1)
    for now_s in (1.0, 2.0):
        controller.plan(now_s)
        metrics.state(controller.state(now_s))
    assert told("dads_cloud_in_use") == [1.0, 0.0]
    assert metrics.registry.get_sample_value("dads_cloud_changes_total") == 1.0


def test_a_scrape_is_readable(metrics):
    text = prometheus_client.generate_latest(used(metrics).registry).decode()
    assert 'dads_split_info{cut="a",mode="light",model="zoo:net"} 1.0' in text


def test_outcomes_and_kinds_are_there_from_the_start(metrics):
    """A rate over a counter that appears with its first increment misses that one."""
    found = samples(metrics)
    assert {sample.labels["outcome"] for sample in found["dads_frames_total"]} == {
        "offloaded",
        "edge_only",
        "local_fallback",
        "dropped",
        "failed",
    }
    assert {sample.labels["kind"] for sample in found["dads_bytes_sent_total"]} == {"tensor", "packets", "probe"}


def test_a_switch_removes_the_split_before_it(metrics):
    for partition, mode, cut in (
        (split("xa", "a"), "light", "a"),
        (split("xa", "a"), "heavy", "a"),
        (split("xab", "a", "b"), "heavy", "a+b"),
        (split("xabcd"), "light", "edge"),
    ):
        metrics.split(partition, mode, 9.0)
        metrics.split(partition, mode, 9.0)
        (only,) = samples(metrics)["dads_split_info"]
        assert (only.labels, only.value) == ({"model": "zoo:net", "mode": mode, "cut": cut}, 1.0)


def test_the_split_in_use_is_shown(metrics):
    metrics.split(split("xab", "a", "b"), "light", 7.5)
    value = metrics.registry.get_sample_value
    assert value("dads_split_layers", {"side": "edge"}) == 3
    assert value("dads_split_layers", {"side": "cloud"}) == 2
    assert value("dads_split_index") == 2, "b is the third layer"
    assert value("dads_max_rate_hertz") == 7.5
    predicted = {stage: value("dads_predicted_stage_seconds", {"stage": stage}) for stage in PREDICTED}
    assert predicted == FORESEEN
    assert sum(predicted.values()) == split("xab", "a", "b").latency_s


def test_an_offloaded_frames_stages_are_observed(metrics):
    metrics.frame(offloaded(switched=True))
    value = metrics.registry.get_sample_value
    sums = {stage: value("dads_stage_seconds_sum", {"stage": stage}) for stage in STAGES}
    predicted = {stage: value("dads_stage_predicted_seconds_total", {"stage": stage}) for stage in PREDICTED}
    assert predicted == FORESEEN
    assert sums == {
        "wait": 0.25,
        "head": 0.0625,
        "encode": 0.125,
        "transfer": 0.25,
        "fixed": 0.21875,
        "queue": 0.75,
        "decode": 0.03125,
        "tail": 0.3125,
    }
    assert sum(sums.values()) == value("dads_frame_latency_seconds_sum"), "nothing is left out or counted twice"
    assert value("dads_frame_latency_seconds_sum") == 2.0
    assert value("dads_frames_total", {"outcome": "offloaded"}) == 1
    assert value("dads_decisions_total", {"mode": "light"}) == 1
    assert value("dads_split_switches_total") == 1


@pytest.mark.parametrize(
    ("result", "latencies", "heads", "decided"),
    [
        (FrameResult(0, Outcome.DROPPED, latency_s=9.0), 0, None, None),
        (FrameResult(0, Outcome.FAILED, partition=split("xa", "a"), mode="heavy", latency_s=9.0), 0, None, 1),
        (FrameResult(0, Outcome.EDGE_ONLY, partition=split("xabcd"), mode="heavy", latency_s=1.0), 1, 1, 1),
        (FrameResult(0, Outcome.LOCAL_FALLBACK, partition=split("xa", "a"), mode="heavy", latency_s=1.0), 1, 1, 1),
    ],
)
def test_frames_without_an_answer_say_only_what_they_know(metrics, result, latencies, heads, decided):
    metrics.frame(result)
    value = metrics.registry.get_sample_value
    head_s = result.partition.edge_s - result.partition.encode_s if result.partition else None
    assert value("dads_frames_total", {"outcome": result.outcome.value}) == 1
    assert value("dads_frame_latency_seconds_count") == latencies
    assert value("dads_stage_seconds_count", {"stage": "head"}) == heads
    assert value("dads_stage_seconds_count", {"stage": "wait"}) == heads
    assert value("dads_stage_seconds_count", {"stage": "transfer"}) is None
    assert value("dads_stage_predicted_seconds_total", {"stage": "head"}) == (head_s if heads else None)
    assert value("dads_stage_predicted_seconds_total", {"stage": "transfer"}) is None, "not measured, so not compared"
    assert value("dads_decisions_total", {"mode": "heavy"}) == decided


def test_the_controllers_estimates_are_shown(metrics):
    metrics.state(state(12.5))
    value = metrics.registry.get_sample_value
    assert value("dads_uplink_bits_per_second") == 0, "unknown"
    assert value("dads_downlink_bits_per_second") == 0, "unknown"
    assert value("dads_round_trip_seconds") == 0
    assert value("dads_load_factor", {"side": "edge"}) == value("dads_load_factor", {"side": "cloud"}) == 1
    assert value("dads_sampling_rate_hertz") == 12.5


def test_the_cloud_is_connected_once_it_was_profiled_and_not_when_it_is_lost(metrics):
    controller = Controller(GRAPH, (0.0, 1.0, 1.0, 1.0, 1.0), rate_hz=5.0)
    shown = []
    for event in (None, CloudProfiled((0.0, 0.1, 0.1, 0.1, 0.1)), CloudLost("gone")):
        if event is not None:
            controller.observe(event, 1.0)
        metrics.state(controller.state(1.0))
        shown.append(metrics.registry.get_sample_value("dads_cloud_connected"))
    assert shown == [0, 1, 0]


@pytest.mark.parametrize(("cloud", "shown"), [("192.0.2.7:50051", "192.0.2.7:50051"), (None, "none")])
def test_what_was_started_is_shown(metrics, cloud, shown):
    metrics.started(AgentConfig(rate_hz=3.0, slowdown=8.0), cloud=cloud, digest="abc", torch_version="2.13.0")
    found = samples(metrics)
    (config,), (model,), (build,) = (found[f"dads_{name}_info"] for name in ("config", "model", "build"))
    assert (config.value, config.labels["cloud"], config.labels["rate_hz"]) == (1, shown, "3.0")
    assert (config.labels["strategy"], config.labels["slowdown"]) == ("adaptive", "8.0")
    assert model.labels == {"model": "zoo:net", "digest": "abc"}
    assert build.labels["torch"] == "2.13.0"


def test_bytes_are_counted_by_kind(metrics):
    for size in (10, 32):
        metrics.sent("tensor", size)
    metrics.sent("probe", 5)
    value = metrics.registry.get_sample_value
    assert value("dads_bytes_sent_total", {"kind": "tensor"}) == 42
    assert value("dads_bytes_sent_total", {"kind": "probe"}) == 5


def test_frames_and_switches_do_not_multiply_the_time_series(metrics):
    used(metrics)
    metrics.frame(offloaded(mode="heavy"))
    before = sum(len(found) for found in samples(metrics).values())
    for position in range(300):
        partition = (split("xa", "a"), split("xab", "a", "b"), split("xabcd"))[position % 3]
        metrics.split(partition, ("light", "heavy")[position % 2], float(position))
        metrics.frame(offloaded(partition=partition, mode=("light", "heavy")[position % 2], error=f"number {position}"))
    assert sum(len(found) for found in samples(metrics).values()) == before


def test_two_agents_in_one_process_do_not_share_counts(metrics):
    other = EdgeMetrics("zoo:net", GRAPH)
    metrics.sent("tensor", 10)
    assert other.registry.get_sample_value("dads_bytes_sent_total", {"kind": "tensor"}) == 0
