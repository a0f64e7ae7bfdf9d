"""`dads plan`: what would be chosen for a link and a sampling rate, and why."""

from __future__ import annotations

import json as json_module
import math
from typing import Annotated

import typer

from dads.layer_costs import ProfileFiles
from dads.loading import load_model
from dads.options import (
    CloudProfileOption,
    Device,
    DeviceOption,
    DownlinkOption,
    EdgeProfileOption,
    JsonOption,
    ModelArgument,
    Rtt,
    SlowdownOption,
    ThreadsOption,
    Uplink,
    WeightsOption,
    above_zero,
)


def plan(
    model: ModelArgument,
    uplink: Annotated[float, Uplink],
    rtt: Annotated[float, Rtt],
    rate: Annotated[float, typer.Option(callback=above_zero, metavar="HZ", help="Frames per second.")],
    downlink: DownlinkOption = None,
    edge_slowdown: SlowdownOption = 1.0,
    edge_profile: EdgeProfileOption = None,
    cloud_profile: CloudProfileOption = None,
    sweep: Annotated[bool, typer.Option("--sweep", help="Also show where the choice changes with the uplink.")] = False,
    json: JsonOption = False,
    weights: WeightsOption = None,
    device: DeviceOption = Device.CPU,
    threads: ThreadsOption = None,
) -> None:
    """Show the split that would be chosen, beside everything on the edge and everything in the cloud."""
    from dads.plan_output import plan_json, print_plan  # noqa: PLC0415 # `dads --help` must answer at once
    from dads.planning import Planner  # noqa: PLC0415 # see above
    from partitioner import Link  # noqa: PLC0415 # see above

    files = ProfileFiles.read(edge_profile, cloud_profile)
    loaded = load_model(model, weights=weights, device=device, threads=threads)
    costs = files.costs_of(loaded, edge_slowdown=edge_slowdown)
    link = Link(uplink, math.inf if downlink is None else downlink, rtt)
    planner = Planner(loaded.graph, costs)
    answer = planner.plan(link, rate)
    found = planner.sweep(link, rate) if sweep else ()
    if json:
        typer.echo(json_module.dumps(plan_json(loaded, link, rate, answer, found), indent=2))
    else:
        print_plan(loaded, link, rate, answer, found)
