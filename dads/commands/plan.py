"""`dads plan`: the split for a link and a sampling rate, and what it is compared with."""

from __future__ import annotations

import json as json_module
import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dads import units
from dads.cache import cache_folder
from dads.drawing.plan_plot import check_plot_file, plot_curves
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
    InputEncodingOption,
    JsonOption,
    MaxErrorOption,
    ModelArgument,
    NoCacheOption,
    PreprocessOption,
    Rtt,
    SlowdownOption,
    ThreadsOption,
    Uplink,
    WeightsOption,
    above_zero,
    in_a_folder,
)
from dads.planning.layer_costs import ProfileFiles
from dads.session.settings import RATE_HZ, encoding_settings

if TYPE_CHECKING:  # keeps `dads --help` fast
    import split_model
    from edge_service import AgentConfig
    from partitioner import Encoding


def _a_picture(path: Path | None) -> Path | None:
    if path is not None:
        check_plot_file(path)
        in_a_folder(path)
    return path


def plan(
    model: ModelArgument,
    uplink: Annotated[float, Uplink],
    rtt: Annotated[float, Rtt] = "10ms",  # type: ignore[assignment] # typer parses the default too
    rate: Annotated[
        float,
        typer.Option(callback=above_zero, metavar="HZ", help="Frames per second; dads edge keeps 10 % of it free."),
    ] = RATE_HZ,
    downlink: DownlinkOption = None,
    edge_slowdown: SlowdownOption = 1.0,
    edge_profile: EdgeProfileOption = None,
    cloud_profile: CloudProfileOption = None,
    source: Annotated[
        str | None,
        typer.Option(
            help="Choose encodings too, as dads edge does, measured on this source's frames: sample, a video file or a "
            "folder of images. Not needed with an edge's profile that was made with a source.",
            show_default=False,
        ),
    ] = None,
    preprocess: PreprocessOption = None,
    max_error: MaxErrorOption = None,
    input_encoding: InputEncodingOption = None,
    sweep: Annotated[bool, typer.Option("--sweep", help="Also list the split chosen for every uplink.")] = False,
    plot: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.svg|png",
            callback=_a_picture,
            help="Draw latency and throughput against the uplink; needs the extra plot.",
            show_default=False,
        ),
    ] = None,
    json: JsonOption = False,
    weights: WeightsOption = None,
    device: DeviceOption = Device.CPU,
    threads: ThreadsOption = None,
    engine: EngineOption = None,
    cache_dir: CacheDirOption = None,
    no_cache: NoCacheOption = False,
) -> None:
    """Show the split that would be chosen, beside edge only, cloud only and the best cut of the model as a chain."""
    from dads.planning.alternatives import Alternatives  # noqa: PLC0415 # see above
    from dads.planning.output import plan_json, print_plan  # noqa: PLC0415 # keeps `dads --help` fast
    from edge_service.sendable import sendable_graph  # noqa: PLC0415 # see above
    from partitioner import Link  # noqa: PLC0415 # see above

    config = encoding_settings(source, preprocess=preprocess, max_error=max_error, input_encoding=input_encoding)
    # Read before the model is loaded, so that a broken file is an error at once.
    files = ProfileFiles.read(edge_profile, cloud_profile)
    loaded = load_model(
        model,
        weights=weights,
        device=device,
        threads=threads,
        preprocess=preprocess,
        engine=files.engine_for(engine or Engine.AUTO),
        cache=cache_folder(cache_dir, no_cache=no_cache),
    )
    costs = files.costs_of(loaded, edge_slowdown=edge_slowdown)
    link = Link(uplink, math.inf if downlink is None else downlink, rtt)
    alternatives = Alternatives(sendable_graph(loaded), costs, _encodings(loaded, source, config, files, edge_slowdown))
    answer = alternatives.compare(link, rate)
    found = alternatives.sweep(link, rate)
    if plot is not None:
        title = f"{loaded.name}, round trip {units.format_duration(rtt)}"
        plot_curves(alternatives.curves(link), link, title, plot)
    if json:
        typer.echo(json_module.dumps(plan_json(loaded, link, rate, answer, found, sweep=sweep), indent=2))
    else:
        print_plan(loaded, link, rate, answer, found, sweep=sweep)


def _encodings(
    model: split_model.Model, source: str | None, config: AgentConfig, files: ProfileFiles, edge_slowdown: float
) -> tuple[Encoding, ...]:
    """Return the encodings measured on the source, or those of the edge's profile; none without either."""
    kept = files.edge[1].encodings if files.edge is not None else None
    if source is None and kept is None:
        return ()
    from dads.planning import encodings  # noqa: PLC0415 # keeps `dads --help` fast

    if source is not None:
        costs = encodings.measure_on(model, source, config)
    elif kept is not None:
        costs = encodings.restored(model, kept)
    # As with the layers' times, what no file holds is measured here.
    decode_s = (files.cloud[1].decode_s if files.cloud is not None else {}) or encodings.decoding(model)
    return encodings.priced(model, costs, decode_s, edge_slowdown=edge_slowdown)
