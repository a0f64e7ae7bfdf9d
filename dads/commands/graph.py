"""`dads graph`: draw a model's layers as SVG, with the split chosen for a link."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dads import units
from dads.cache import cache_folder
from dads.drawing.folding import Fold, fold
from dads.drawing.svg import Caption, graph_svg
from dads.loading import load_model
from dads.options import (
    CacheDirOption,
    CloudProfileOption,
    Device,
    DeviceOption,
    DownlinkOption,
    EdgeProfileOption,
    Engine,
    EngineOption,
    ModelArgument,
    NoCacheOption,
    Rtt,
    SlowdownOption,
    ThreadsOption,
    Uplink,
    WeightsOption,
    above_zero,
    in_a_folder,
)
from dads.planning.layer_costs import ProfileFiles

if TYPE_CHECKING:  # keeps `dads --help` fast
    from partitioner import CostProfile, LayerGraph, Link, Partition


def _svg_file(path: Path) -> Path:
    if str(path) != "-" and path.suffix.lower() != ".svg":
        raise typer.BadParameter(f"{path} does not end in .svg; only SVG is written")
    return in_a_folder(path)


def graph(
    model: ModelArgument,
    output: Annotated[
        Path, typer.Option(metavar="FILE.svg", callback=_svg_file, help="Where to write the SVG; - is stdout.")
    ] = Path("-"),
    uplink: Annotated[float | None, Uplink] = None,
    rtt: Annotated[float | None, Rtt] = None,
    rate: Annotated[
        float | None,
        typer.Option(
            callback=above_zero,
            metavar="HZ",
            help="Frames per second; without it, the split of the lowest latency is drawn.",
            show_default=False,
        ),
    ] = None,
    downlink: DownlinkOption = None,
    edge_slowdown: SlowdownOption = 1.0,
    edge_profile: EdgeProfileOption = None,
    cloud_profile: CloudProfileOption = None,
    detail: Annotated[
        Fold, typer.Option(help="How far to fold layers; auto draws as much detail as a page can hold.")
    ] = Fold.AUTO,
    weights: WeightsOption = None,
    device: DeviceOption = Device.CPU,
    threads: ThreadsOption = None,
    engine: EngineOption = None,
    cache_dir: CacheDirOption = None,
    no_cache: NoCacheOption = False,
) -> None:
    """Draw the layer graph as SVG; if a link is given, with the split chosen for it."""
    from partitioner import Link  # noqa: PLC0415 # keeps `dads --help` fast

    if uplink is None and not (rtt is None and rate is None and downlink is None):
        raise typer.BadParameter("--rtt, --rate and --downlink describe a split: give --uplink too, or leave them out")
    files = ProfileFiles.read(edge_profile, cloud_profile)
    loaded = load_model(
        model,
        weights=weights,
        device=device,
        threads=threads,
        engine=None if uplink is None else files.engine_for(engine or Engine.AUTO),
        cache=cache_folder(cache_dir, no_cache=no_cache),
    )
    edge: frozenset[str] | None = None
    lines: tuple[str, ...] = (f"{len(loaded.graph)} layers; give a link to see where they would run",)
    if uplink is not None:
        costs = files.costs_of(loaded, edge_slowdown=edge_slowdown)
        link = Link(uplink, math.inf if downlink is None else downlink, rtt or 0.0)
        from edge_service.sendable import sendable_graph  # noqa: PLC0415 # see above

        partition, question = chosen(sendable_graph(loaded), costs, link, rate)
        edge, lines = partition.edge, caption_lines(loaded.graph, link, partition, question)
    output_bytes = {layer.name: layer.output_bytes for layer in loaded.graph.layers}
    folded = fold(loaded.graph, edge, detail, loaded.places)
    drawing = graph_svg(folded, output_bytes, Caption(loaded.name, lines), loaded.places)
    if str(output) == "-":
        typer.echo(drawing, nl=False)
        return
    output.write_text(drawing, encoding="utf-8")
    typer.echo(f"{loaded.name}: {len(loaded.graph)} layers, drawn in {output}")


def chosen(graph: LayerGraph, costs: CostProfile, link: Link, rate_hz: float | None) -> tuple[Partition, str]:
    """Return the split for a link, and in words what it was chosen for."""
    from partitioner import splits_of  # noqa: PLC0415 # see above

    splits = splits_of(graph, costs)
    if rate_hz is None:
        return splits.dsl(link), "lowest latency"
    decision = splits.decide(link, rate_hz)
    return decision.partition, f"{rate_hz:g} frames/s ({decision.mode} load)"


def caption_lines(graph: LayerGraph, link: Link, partition: Partition, question: str) -> tuple[str, ...]:
    """Return lines with what the split was chosen for, and what it costs."""
    sizes = {layer.name: layer.output_bytes for layer in graph.layers}
    tensors = f"{len(partition.cut)} tensor{'s' if len(partition.cut) != 1 else ''}"
    sent = (
        f"{units.format_bytes(sum(sizes[name] for name in partition.cut))} in {tensors}" if partition.cut else "nothing"
    )
    times = (partition.edge_s, partition.transfer_s, partition.cloud_s, partition.latency_s)
    edge, transfer, cloud, latency = map(units.format_duration, times)
    return (
        f"uplink {units.format_rate(link.uplink_bps)}, round trip {units.format_duration(link.fixed_s)}; {question}",
        f"latency {latency}: edge {edge}, transfer {transfer}, cloud {cloud}"
        + (f", round trip {units.format_duration(partition.fixed_s)}" if partition.fixed_s else ""),
        f"{len(partition.edge)} of {len(graph)} layers on the edge; sends {sent}",
    )
