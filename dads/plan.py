"""`dads plan`: what would be chosen for a link and a sampling rate, and why."""

from __future__ import annotations

import json as json_module
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dads import units
from dads.loading import load_model
from dads.options import Device, DeviceOption, JsonOption, ModelArgument, ThreadsOption, WeightsOption, in_units
from dads.profiles import StoredProfile, check_profile_of, measure_profile, read_profile

if TYPE_CHECKING:  # torch takes seconds to import
    import models

_parse_bandwidth = in_units(units.parse_rate)
_parse_duration = in_units(units.parse_duration)


def plan(
    model: ModelArgument,
    uplink: Annotated[
        float, typer.Option(parser=_parse_bandwidth, metavar="RATE", help="Edge to cloud, such as 20Mbit/s.")
    ],
    rtt: Annotated[
        float, typer.Option(parser=_parse_duration, metavar="DURATION", help="Round trip of the link, such as 10ms.")
    ],
    rate: Annotated[float, typer.Option(metavar="HZ", help="Frames per second.")],
    downlink: Annotated[
        float | None,
        typer.Option(parser=_parse_bandwidth, metavar="RATE", help="Cloud to edge; no limit when left out."),
    ] = None,
    edge_slowdown: Annotated[float, typer.Option(help="How many times slower the edge is than its profile.")] = 1.0,
    edge_profile: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The edge's, by dads profile; measured here when left out.")
    ] = None,
    cloud_profile: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The cloud's, by dads profile; measured here when left out.")
    ] = None,
    sweep: Annotated[bool, typer.Option("--sweep", help="Also show where the choice changes with the uplink.")] = False,
    json: JsonOption = False,
    weights: WeightsOption = None,
    device: DeviceOption = Device.CPU,
    threads: ThreadsOption = None,
) -> None:
    """Show the split that would be chosen, beside everything on the edge and everything in the cloud."""
    from dads.plan_output import plan_json, print_plan  # noqa: PLC0415 # `dads --help` must answer at once
    from dads.planning import Planner  # noqa: PLC0415 # see above
    from partitioner import CostProfile, Link  # noqa: PLC0415 # see above

    _check_positive(rate, "--rate")
    _check_positive(edge_slowdown, "--edge-slowdown")
    for rate_bps, option in ((uplink, "--uplink"), (downlink, "--downlink")):
        if rate_bps == 0:
            raise typer.BadParameter(f"{option} must be more than 0; without a link everything stays on the edge")
    # Read before the model is loaded, so that a broken file is told at once.
    stored = [None if path is None else (path, read_profile(path)) for path in (edge_profile, cloud_profile)]
    loaded = load_model(model, weights=weights, device=device, threads=threads)
    edge_s, cloud_s = _layer_times(loaded, stored)
    costs = CostProfile(tuple(seconds * edge_slowdown for seconds in edge_s), cloud_s)
    link = Link(uplink, math.inf if downlink is None else downlink, rtt)
    planner = Planner(loaded.graph, costs)
    answer = planner.plan(link, rate)
    found = planner.sweep(link, rate) if sweep else ()
    if json:
        typer.echo(json_module.dumps(plan_json(loaded, link, rate, answer, found), indent=2))
    else:
        print_plan(loaded, link, rate, answer, found)


def _check_positive(value: float, option: str) -> None:
    if not 0 < value < math.inf:
        raise typer.BadParameter(f"{option} must be more than 0 and finite, not {value:g}")


def _layer_times(
    model: models.Model, sides: Sequence[tuple[Path, StoredProfile] | None]
) -> tuple[tuple[float, ...], ...]:
    """Return each side's seconds per layer: from its file, or measured here, once for all sides without one."""
    measured: tuple[float, ...] = ()
    times: list[tuple[float, ...]] = []
    for side in sides:
        if side is not None:
            path, stored = side
            check_profile_of(stored, model, path)
            times.append(stored.layer_s)
        else:
            measured = measured or measure_profile(model).layer_s
            times.append(measured)
    return tuple(times)
