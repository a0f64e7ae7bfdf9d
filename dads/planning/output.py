"""A comparison of splits, as a table for people and as JSON for programs."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from dads import units
from dads.planning.alternatives import HIGHEST_BPS, LOWEST_BPS, Comparison, Range, max_rate_hz
from partitioner import Decision, Link, Partition

if TYPE_CHECKING:  # keeps `dads --help` fast
    import split_model


def _rows(answer: Comparison) -> tuple[tuple[str, Partition], ...]:
    return (
        (f"chosen ({answer.decision.mode} load)", answer.decision.partition),
        ("edge only", answer.edge_only),
        ("cloud only", answer.cloud_only),
        ("best chain cut", answer.chain),
    )


def print_plan(
    model: split_model.Model,
    link: Link,
    rate_hz: float,
    answer: Comparison,
    found: tuple[Range, ...],
    *,
    sweep: bool,
) -> None:
    """Print a comparison on stdout.

    Args:
        model: The model.
        link: The network.
        rate_hz: Frames per second.
        answer: The decision, and what it is compared with.
        found: The choices over all uplinks.
        sweep: Whether to print these as a table, or only the uplinks at which the choice changes.
    """
    console = Console(highlight=False, emoji=False, markup=False)  # `:up:` in a name is no picture
    console.print(
        f"{model.name}: {len(model.graph.layers)} layers; uplink {units.format_rate(link.uplink_bps)}, "
        f"round trip {units.format_duration(link.fixed_s)}, {rate_hz:g} frames/s",
        soft_wrap=True,
    )
    table = Table("split", box=None, pad_edge=False)
    for heading in ("edge", "transfer", "cloud", "latency", "frames/s", "on edge"):
        table.add_column(heading, justify="right")
    for name, partition in _rows(answer):
        times = (partition.edge_s, partition.transfer_s, partition.cloud_s, partition.latency_s)
        table.add_row(
            name, *map(units.format_duration, times), _frames(max_rate_hz(partition)), str(len(partition.edge))
        )
    console.print(table)
    for name, partition in _rows(answer):
        if partition.transfer_s == math.inf:
            console.print(f"{name} cannot be sent: it takes more than a message holds", soft_wrap=True)
    decision = answer.decision
    console.print(f"sent: {_sent(decision.partition, model)}", soft_wrap=True)
    if decision.keeps_up:
        console.print(
            f"keeps up with {rate_hz:g} frames/s; the best any split can do is {_frames(decision.max_rate_hz)}"
        )
    else:
        console.print(f"does not keep up: lower the rate below {_frames(decision.max_rate_hz)} frames/s")
    console.print(
        f"light load (lowest latency) can sustain {_frames(max_rate_hz(answer.lowest_latency))} frames/s, "
        f"heavy load (highest throughput) {_frames(max_rate_hz(answer.highest_throughput))}",
        soft_wrap=True,
    )
    span = f"from {units.format_rate(LOWEST_BPS)} to {units.format_rate(HIGHEST_BPS)}"
    breaks = ", ".join(units.format_rate(item.from_bps) for item in found[1:])
    console.print(f"the choice changes at {breaks or 'no uplink'} ({span})", soft_wrap=True)
    if sweep:
        _print_sweep(console, found, model)


def _print_sweep(console: Console, found: tuple[Range, ...], model: split_model.Model) -> None:
    table = Table("uplink from", "to", "load", "on edge", "sent", box=None, pad_edge=False)
    for item in found:
        partition = item.decision.partition
        table.add_row(
            units.format_rate(item.from_bps),
            units.format_rate(item.to_bps),
            item.decision.mode,
            str(len(partition.edge)),
            _sent(partition, model),
        )
    console.print()
    console.print(table)


def _sent(partition: Partition, model: split_model.Model) -> str:
    how = "" if partition.encoding == "raw" else f" ({partition.encoding})"
    return (", ".join(model.places[name] for name in partition.cut) or "nothing") + how


def _frames(rate_hz: float) -> str:
    """Three significant digits, rounded down, so that the printed rate can be sustained."""
    if not 0 < rate_hz < math.inf:
        return "unlimited" if rate_hz else "0"
    step = 10.0 ** (math.floor(math.log10(rate_hz)) - 2)
    return f"{math.floor(rate_hz / step) * step:.3g}"


def plan_json(
    model: split_model.Model,
    link: Link,
    rate_hz: float,
    answer: Comparison,
    found: tuple[Range, ...],
    *,
    sweep: bool,
) -> dict[str, Any]:
    """Return a plan in base units; see `print_plan`.

    What is infinite is null, because JSON has no infinity: rates without a limit, times of splits that cannot be sent.
    `places` has the place in the module of every layer that is named. `sweep` is empty unless it was requested.
    """
    decision = answer.decision
    named = {name for _, partition in _rows(answer) for name in partition.cut}
    named.update(name for item in found for name in item.decision.partition.cut)
    return {
        "model": model.name,
        "digest": model.digest,
        "layers": len(model.graph.layers),
        "places": {layer.name: model.places[layer.name] for layer in model.graph.layers if layer.name in named},
        "uplink_bps": _finite(link.uplink_bps),
        "downlink_bps": _finite(link.downlink_bps),
        "rtt_s": link.fixed_s,
        "rate_hz": rate_hz,
        "mode": decision.mode,
        "keeps_up": decision.keeps_up,
        "max_rate_hz": _finite(decision.max_rate_hz),
        "chosen": _partition_json(decision.partition),
        "edge_only": _partition_json(answer.edge_only),
        "cloud_only": _partition_json(answer.cloud_only),
        "chain_cut": _partition_json(answer.chain),
        "sustainable_hz": {
            "light": _finite(max_rate_hz(answer.lowest_latency)),
            "heavy": _finite(max_rate_hz(answer.highest_throughput)),
        },
        "break_points": _breaks_json(found),
        "sweep": [
            {
                "from_bps": item.from_bps,
                "to_bps": item.to_bps,
                "mode": item.decision.mode,
                "cut": list(item.decision.partition.cut),
                "encoding": item.decision.partition.encoding,
                "edge_layers": len(item.decision.partition.edge),
            }
            for item in (found if sweep else ())
        ],
    }


def _breaks_json(found: tuple[Range, ...]) -> list[dict[str, Any]]:
    return [
        {
            "uplink_bps": after.from_bps,
            "from": _choice_json(before.decision),
            "to": _choice_json(after.decision),
        }
        for before, after in pairwise(found)
    ]


def _choice_json(decision: Decision) -> dict[str, Any]:
    split = decision.partition
    return {"mode": decision.mode, "cut": list(split.cut), "encoding": split.encoding}


def _partition_json(partition: Partition) -> dict[str, Any]:
    return {
        "cut": list(partition.cut),
        "encoding": partition.encoding,
        "edge_layers": len(partition.edge),
        "edge_s": partition.edge_s,
        "transfer_s": _finite(partition.transfer_s),
        "cloud_s": partition.cloud_s,
        "fixed_s": partition.fixed_s,
        "latency_s": _finite(partition.latency_s),
        "bottleneck_s": _finite(partition.bottleneck_s),
    }


def _finite(number: float) -> float | None:
    """JSON has no infinity: null stands for no limit, or for never."""
    return number if math.isfinite(number) else None
