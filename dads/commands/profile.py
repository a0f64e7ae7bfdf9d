"""`dads profile`: measure a model's layers on this machine, and the encodings of their values."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from dads import units
from dads.cache import cache_folder
from dads.loading import load_model
from dads.options import (
    CacheDirOption,
    Device,
    DeviceOption,
    Engine,
    EngineOption,
    InputEncodingOption,
    MaxErrorOption,
    ModelArgument,
    NoCacheOption,
    OutputOption,
    PreprocessOption,
    ThreadsOption,
    WeightsOption,
)
from dads.planning.profile_file import profile_json
from dads.planning.profiles import measure_profile
from dads.session.settings import encoding_settings


def profile(
    model: ModelArgument,
    output: OutputOption = Path("-"),
    weights: WeightsOption = None,
    device: DeviceOption = Device.CPU,
    threads: ThreadsOption = None,
    engine: EngineOption = None,
    cache_dir: CacheDirOption = None,
    no_cache: NoCacheOption = False,
    repeats: Annotated[int, typer.Option(min=1, help="Runs; each time is their median.")] = 5,
    source: Annotated[
        str | None,
        typer.Option(
            help="Also measure bytes and seconds of each encoding of each layer's value, on this source's frames: "
            "sample, a video file or a folder of images. For the profile of an edge.",
            show_default=False,
        ),
    ] = None,
    preprocess: PreprocessOption = None,
    max_error: MaxErrorOption = None,
    input_encoding: InputEncodingOption = None,
) -> None:
    """Measure a model's layers on this machine and write them as JSON, for dads plan and dads edge."""
    config = encoding_settings(source, preprocess=preprocess, max_error=max_error, input_encoding=input_encoding)
    loaded = load_model(
        model,
        weights=weights,
        device=device,
        threads=threads,
        preprocess=preprocess,
        engine=engine or Engine.AUTO,
        cache=cache_folder(cache_dir, no_cache=no_cache),
    )
    from dads.planning import encodings  # noqa: PLC0415 # keeps `dads --help` fast

    if source is not None:
        encodings.frame_size(loaded)  # a model that takes no frames is an error before it is measured
    measured = replace(measure_profile(loaded, repeats=repeats, anew=True), decode_s=encodings.decoding(loaded))
    if source is not None:
        costs = encodings.measure_on(loaded, source, config)
        measured = replace(measured, encodings=encodings.stored(costs, config))
    if str(output) == "-":
        typer.echo(profile_json(measured), nl=False)
        return
    output.write_text(profile_json(measured), encoding="utf-8")
    typer.echo(
        f"{measured.model}: {len(measured.layers)} layers, {units.format_duration(measured.whole_s)} in all "
        f"in {measured.engine}, written to {output}"
    )
