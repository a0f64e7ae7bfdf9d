"""The edge agent's Prometheus metrics, in base units; label values are bounded by the model, not by the frames."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, ProcessCollector

from edge_service.config import AgentConfig
from edge_service.control import ControllerState, Phase
from edge_service.frame import FrameResult, Outcome, cut_label
from edge_service.output.source_metrics import SourceMetrics
from partitioner import LayerGraph, Partition

__all__ = ["EdgeMetrics"]

_LATENCY_BUCKETS = (0.005, 0.01, 0.02, 0.035, 0.05, 0.075, 0.1, 0.15, 0.25, 0.35, 0.5, 0.75, 1, 1.5, 2.5, 5, 10, 30)
_CONFIGURED = ("rate_hz", "slowdown", "max_waiting", "max_in_flight")
_STAGE_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, *_LATENCY_BUCKETS[1:])


class EdgeMetrics:
    """An agent's metrics, in a registry of its own.

    Args:
        model: the model's name, a label of `dads_split_info`.
        graph: the model's layers, for the position of a cut.
        places: each layer's name for people, for the label of a cut.
    """

    def __init__(self, model: str, graph: LayerGraph, places: Mapping[str, str] | None = None) -> None:
        self.registry = CollectorRegistry()
        self._model = model
        self._places = places or {}
        self._index = {layer.name: position for position, layer in enumerate(graph.layers)}
        self._layers = len(graph.layers)
        self._info_labels: tuple[str, str, str] | None = None
        r = self.registry
        self._frames = Counter("dads_frames", "Frames by how they ended.", ["outcome"], registry=r)
        self._latency = Histogram(
            "dads_frame_latency_seconds",
            "From a frame's submission to its result.",
            buckets=_LATENCY_BUCKETS,
            registry=r,
        )
        self._stage = Histogram(
            "dads_stage_seconds", "Measured time of a stage of a frame.", ["stage"], buckets=_STAGE_BUCKETS, registry=r
        )
        self._predicted = Gauge(
            "dads_predicted_stage_seconds", "Predicted time of a stage with the split in use.", ["stage"], registry=r
        )
        self._foreseen = Counter(
            "dads_stage_predicted_seconds",
            "Predicted times of the frames whose stages were measured, added up: compare with dads_stage_seconds_sum.",
            ["stage"],
            registry=r,
        )
        self._split_layers = Gauge(
            "dads_split_layers", "Layers on each side of the split in use.", ["side"], registry=r
        )
        self._split_index = Gauge(
            "dads_split_index", "Position in the graph of the last layer on the edge, for a state timeline.", registry=r
        )
        self._split_info = Gauge("dads_split_info", "1 for the split in use.", ["model", "mode", "cut"], registry=r)
        self._decisions = Counter("dads_decisions", "Frames by the mode they were decided in.", ["mode"], registry=r)
        self._switches = Counter("dads_split_switches", "Changes of the split from one frame to the next.", registry=r)
        self._uplink = Gauge("dads_uplink_bits_per_second", "Estimated uplink; 0 while unknown.", registry=r)
        self._downlink = Gauge(
            "dads_downlink_bits_per_second",
            "Estimated downlink; 0 while unknown, as it stays where a model's outputs are small.",
            registry=r,
        )
        self._round_trip = Gauge("dads_round_trip_seconds", "Estimated round trip.", registry=r)
        self._load = Gauge("dads_load_factor", "How many times slower a side is than profiled.", ["side"], registry=r)
        self._connected = Gauge("dads_cloud_connected", "1 while a cloud answers, else 0.", registry=r)
        self._clouds: Sequence[str] = ()
        self._cloud_frames = Counter("dads_cloud_frames", "Frames by the cloud that answered.", ["cloud"], registry=r)
        self._cloud_usable = Gauge(
            "dads_cloud_usable", "1 while frames can be sent to this cloud, else 0.", ["cloud"], registry=r
        )
        self._cloud_in_use = Gauge("dads_cloud_in_use", "1 for the cloud in use.", ["cloud"], registry=r)
        self._cloud_changes = Counter("dads_cloud_changes", "Changes of the cloud in use.", registry=r)
        self._changes_counted = 0
        self._rate = Gauge("dads_sampling_rate_hertz", "Frames offered per second.", registry=r)
        self._max_rate = Gauge("dads_max_rate_hertz", "Frames per second that could be sustained now.", registry=r)
        self._table = Gauge(
            "dads_table_splits", "Splits in the table that answers decisions; 0 while no table does.", registry=r
        )
        self._jobs = Counter(
            "dads_planning_jobs", "Work of the planner in the background, by its end.", ["work", "result"], registry=r
        )
        self._jobs_s = Counter(
            "dads_planning_seconds", "Seconds of that work, slowdown included.", ["work"], registry=r
        )
        self._bytes = Counter("dads_bytes_sent", "Bytes sent to the cloud.", ["kind"], registry=r)
        self._build = Info("dads_build", "What runs here.", registry=r)
        self._model_info = Info("dads_model", "The model that runs here.", registry=r)
        self._config_info = Info("dads_config", "The settings it was started with.", registry=r)
        self._source = SourceMetrics()
        r.register(self._source)
        ProcessCollector(registry=r)
        for outcome in Outcome:
            self._frames.labels(outcome.value)
        for kind in ("tensor", "packets", "probe"):
            self._bytes.labels(kind)
        for work in ("reprice", "build", "search", "rank"):
            self._jobs_s.labels(work)
            for result in ("done", "failed"):
                self._jobs.labels(work, result)

    def started(
        self,
        config: AgentConfig,
        *,
        cloud: str | None,
        digest: str,
        torch_version: str,
        policy: str | None = None,
        clouds: Sequence[str] = (),
    ) -> None:
        """Sets the info metrics: versions, model and settings.

        Args:
            config: the agent's settings.
            cloud: the cloud's address, or those of several with commas between; None without a cloud.
            digest: the model's digest.
            torch_version: torch's version.
            policy: the name of the policy in use; None for the one of the settings.
            clouds: the clouds' addresses, in the order in which the controller counts them.
        """
        self._clouds = clouds
        for name in clouds:
            for each in (self._cloud_frames, self._cloud_usable, self._cloud_in_use):
                each.labels(name)
        self._build.info({"version": _version(), "python": platform.python_version(), "torch": torch_version})
        self._model_info.info({"model": self._model, "digest": digest})
        configured = {name: str(getattr(config, name)) for name in _CONFIGURED}
        self._config_info.info(configured | {"strategy": policy or config.policy, "cloud": cloud or "none"})

    def follow_source(self, counts: Callable[[], Mapping[str, Any]]) -> None:
        """Lets the metrics of a live source be read from its report, which `counts` gives as JSON."""
        self._source.counts = counts

    def frame(self, result: FrameResult) -> None:
        """Counts a finished frame."""
        self._frames.labels(result.outcome.value).inc()
        if result.partition is None or result.mode is None:
            return
        self._decisions.labels(result.mode).inc()
        if result.cloud is not None:
            self._cloud_frames.labels(result.cloud).inc()
        if result.switched:
            self._switches.inc()
        if not result.outcome.has_result:
            return
        self._latency.observe(result.latency_s)
        foreseen = _predicted(result.partition)
        for stage, seconds in _measured(result).items():
            self._stage.labels(stage).observe(seconds)
            if stage in foreseen:
                self._foreseen.labels(stage).inc(foreseen[stage])

    def split(self, partition: Partition, mode: str, max_rate_hz: float) -> None:
        """Sets the metrics of the split in use."""
        for stage, seconds in _predicted(partition).items():
            self._predicted.labels(stage).set(seconds)
        self._split_layers.labels("edge").set(len(partition.edge))
        self._split_layers.labels("cloud").set(self._layers - len(partition.edge))
        self._split_index.set(max(self._index[name] for name in partition.edge))
        self._max_rate.set(max_rate_hz)
        labels = (self._model, mode, cut_label(partition, self._places))
        if labels != self._info_labels:
            if self._info_labels is not None:
                self._split_info.remove(*self._info_labels)
            self._split_info.labels(*labels).set(1)
            self._info_labels = labels

    def state(self, state: ControllerState) -> None:
        """Sets the metrics of the controller's estimates."""
        self._uplink.set(state.uplink_bps or 0.0)
        self._downlink.set(state.downlink_bps or 0.0)
        self._round_trip.set(state.rtt_s or 0.0)
        self._load.labels("edge").set(state.edge_load)
        self._load.labels("cloud").set(state.cloud_load)
        self._rate.set(state.rate_hz)
        self._connected.set(any(each.phase is not Phase.ALONE for each in state.clouds))
        for i, (name, each) in enumerate(zip(self._clouds, state.clouds, strict=False)):
            self._cloud_usable.labels(name).set(each.phase is Phase.OFFLOADING)
            self._cloud_in_use.labels(name).set(i == state.cloud)
        self._cloud_changes.inc(state.cloud_changes - self._changes_counted)
        self._changes_counted = state.cloud_changes
        self._table.set(state.table_splits)

    def planned(self, work: str, seconds: float, *, failed: bool) -> None:
        """Counts a job of the planner that ended; work is "reprice", "build" or "search"."""
        self._jobs.labels(work, "failed" if failed else "done").inc()
        self._jobs_s.labels(work).inc(seconds)

    def sent(self, kind: str, size: int) -> None:
        """Counts bytes handed to the network; kind is "tensor", "packets" or "probe"."""
        self._bytes.labels(kind).inc(size)


def _predicted(split: Partition) -> dict[str, float]:
    """Predicted seconds by stage, without `wait` and `queue`, which are not predicted."""
    return {
        "head": split.edge_s - split.encode_s,
        "encode": split.encode_s,
        "transfer": split.transfer_s,
        "fixed": split.fixed_s,
        "decode": split.decode_s,
        "tail": split.cloud_s - split.decode_s,
    }


def _measured(result: FrameResult) -> dict[str, float]:
    """Measured seconds by stage; their sum is the latency, unless the answer did not come in time."""
    times = result.times
    on_edge = {"wait": times.wait_s, "head": times.head_s}
    if result.outcome is not Outcome.OFFLOADED:
        return on_edge
    return {
        **on_edge,
        "encode": times.encode_s,
        "transfer": times.transfer_s,
        "fixed": times.round_trip_s + times.server_s + times.decode_s,
        "queue": times.link_wait_s + times.queue_s,
        "decode": times.unpack_s,
        "tail": times.tail_s,
    }


def _version() -> str:
    try:
        return version("dads")
    except PackageNotFoundError:  # run from the sources, not installed
        return "unknown"
