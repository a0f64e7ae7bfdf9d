"""The state of the live page as JSON values. Numbers are formatted here, not in the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean, median
from typing import Any

from dads import units
from dads.drawing.folding import fold
from dads.drawing.svg import graph_svg
from dads.live.view import Snapshot
from edge_service.control import ControllerState, Phase
from edge_service.output.results import seen
from partitioner import LayerGraph, Partition

__all__ = ["document", "drawing"]

_LISTED = 8
_UNKNOWN = "unknown"
_PHASES = {
    Phase.ALONE: "not in use: the edge works alone",
    Phase.MEASURING: "connected, measuring the link",
    Phase.OFFLOADING: "connected",
}
_SHORTLY = {
    Phase.ALONE: "(not in use)",
    Phase.MEASURING: "(being measured)",
    Phase.OFFLOADING: "(ready)",
}
# Stages by their name in `FrameResult.predicted`: their name on the page, and the side that gives their colour.
_STAGES = (
    ("head", "Head and encoding", "edge"),
    ("transfer", "Transfer", "link"),
    ("fixed", "Round trip, overhead", "link"),
    ("tail", "Decoding and tail", "cloud"),
)


def document(model: str, policy: str, graph: LayerGraph, now: Snapshot, clouds: Sequence[str] = ()) -> dict[str, Any]:
    """The page's state: `text` by its place on the page, `stages`, `results`, `latencies`, the frame of `picture`."""
    return {
        "text": {
            "model": model,
            "policy": policy,
            **_split_text(graph, now),
            **_state_text(now.state, clouds),
            **_latency_text(now.records),
            "sustainable": _sustainable(now),
            "counts": ", ".join(f"{count} {outcome.replace('_', ' ')}" for outcome, count in now.outcomes.items()),
        },
        "stages": _stages(now.records),
        "results": [_row(record) for record in reversed(now.records[-_LISTED:])],
        "picture": now.picture,
        "latencies": [{"latency_s": record["latency_s"], "outcome": record["outcome"]} for record in now.records],
    }


def drawing(graph: LayerGraph, partition: Partition, places: Mapping[str, str] | None = None) -> str:
    """The folded layer graph with its split, as SVG."""
    sizes = {layer.name: layer.output_bytes for layer in graph.layers}
    return graph_svg(fold(graph, partition.edge, places=places), sizes, None, places)


def _split_text(graph: LayerGraph, now: Snapshot) -> dict[str, str]:
    split, started = now.partition, _last_started(now.records)
    if split is None or started is None:
        return dict.fromkeys(("cut", "layers", "encoding", "sent", "mode"), "no frame yet")
    sizes = {layer.name: layer.output_bytes for layer in graph.layers}
    on_edge, cut = len(split.edge), split.cut
    return {
        "cut": started["cut_label"] if cut else "everything on the edge",
        "layers": f"{_counted(on_edge, 'layer')} on the edge, {len(graph) - on_edge} in the cloud",
        "encoding": split.encoding if cut else "none",
        "sent": f"for {units.format_bytes(sum(sizes[name] for name in cut))} in {_counted(len(cut), 'tensor')}"
        if cut
        else "nothing is sent",
        "mode": str(started["mode"]),
    }


def _state_text(state: ControllerState | None, clouds: Sequence[str]) -> dict[str, str]:
    if state is None:
        return dict.fromkeys(("uplink", "downlink", "round_trip", "rate", "cloud", "loads"), _UNKNOWN)
    return {
        "uplink": _UNKNOWN if state.uplink_bps is None else units.format_rate(state.uplink_bps),
        "downlink": _UNKNOWN if state.downlink_bps is None else units.format_rate(state.downlink_bps),
        "round_trip": _UNKNOWN if state.rtt_s is None else units.format_duration(state.rtt_s),
        "rate": f"{state.rate_hz:.3g}/s",
        "cloud": _cloud_text(state, clouds),
        "loads": f"edge {state.edge_load:.2f}, cloud {state.cloud_load:.2f}",
    }


def _cloud_text(state: ControllerState, clouds: Sequence[str]) -> str:
    """The state of the cloud; of several, which is in use, and how each of the others is."""
    if len(clouds) < 2:
        return _PHASES[state.phase]
    each = dict(zip(clouds, state.clouds, strict=True))
    used = clouds[state.cloud]
    others = [f"{name} {_SHORTLY[of_cloud.phase]}" for name, of_cloud in each.items() if name != used]
    return f"{used}: {_PHASES[state.phase]}; spare: {', '.join(others)}"


def _latency_text(records: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    latencies = sorted(record["latency_s"] for record in records if record["latency_s"] is not None)
    if not latencies:
        return {"latency": _UNKNOWN, "latency_range": ""}
    low, high = units.format_duration(latencies[0]), units.format_duration(latencies[-1])
    return {
        "latency": units.format_duration(median(latencies)),
        "latency_range": f"last {len(latencies)} frames: {low} to {high}",
    }


def _sustainable(now: Snapshot) -> str:
    if now.max_rate_hz is None:
        return ""
    return f"up to {now.max_rate_hz:.3g}/s{'; frames come too fast' if now.keeps_up is False else ''}"


def _stages(records: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Mean times over the last frames with the split in use, without frames that were finished locally."""
    last = _last_started(records)
    if last is None:
        return []
    split = (last["cut"], last["encoding"])
    whole = [
        record
        for record in records
        if (record["cut"], record["encoding"]) == split and record["outcome"] in ("offloaded", "edge_only")
    ]
    return [_stage(stage, name, side, last, whole) for stage, name, side in _STAGES]


def _stage(
    stage: str, name: str, side: str, last: Mapping[str, Any], whole: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    predicted_s = fmean(record["predicted_s"][stage] for record in whole or [last])
    measured_s = fmean(record["measured_s"][stage] for record in whole) if whole else None
    # A stage that this split does not have shows no time: "0 us" would look like a measurement.
    has_none = not predicted_s and not measured_s
    return {
        "name": name,
        "side": side,
        "predicted_s": predicted_s,
        "measured_s": measured_s,
        "predicted": "" if has_none else units.format_duration(predicted_s),
        "measured": "-" if has_none or measured_s is None else units.format_duration(measured_s),
    }


def _row(record: Mapping[str, Any]) -> dict[str, Any]:
    error = record.get("error") if record["outcome"] in ("dropped", "failed") else None
    latency_s = record["latency_s"]
    return {
        "frame": record["frame"],
        "result": error or seen(record),
        "is_error": error is not None,
        "outcome": record["outcome"],
        "switched": record["switched"],
        "cut": record["cut_label"] if record["cut"] else "",
        "latency": "" if latency_s is None else units.format_duration(latency_s),
    }


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _last_started(records: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    return next((record for record in reversed(records) if record["cut"] is not None), None)
