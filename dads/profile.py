"""`dads profile`: measure a model's layers on this machine."""

from pathlib import Path
from typing import Annotated

import typer

from dads import units
from dads.loading import load_model
from dads.options import Device, DeviceOption, ModelArgument, OutputOption, ThreadsOption, WeightsOption
from dads.profiles import measure_profile, profile_json


def profile(
    model: ModelArgument,
    output: OutputOption = Path("-"),
    weights: WeightsOption = None,
    device: DeviceOption = Device.CPU,
    threads: ThreadsOption = None,
    repeats: Annotated[int, typer.Option(min=1, help="Runs that each time is the median of.")] = 5,
) -> None:
    """Measure a model's layers on this machine and write them as JSON, for dads plan."""
    measured = measure_profile(load_model(model, weights=weights, device=device, threads=threads), repeats=repeats)
    if str(output) == "-":
        typer.echo(profile_json(measured), nl=False)
        return
    output.write_text(profile_json(measured), encoding="utf-8")
    typer.echo(
        f"{measured.model}: {len(measured.layers)} layers, {units.format_duration(measured.whole_s)} in all, "
        f"written to {output}"
    )
