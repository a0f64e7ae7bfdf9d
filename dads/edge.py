"""`dads edge`: the agent on a stream of frames."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, TextIO

import typer

from dads import logs
from dads.errors import InvalidUsageError
from dads.loading import load_model
from dads.options import MODEL_HELP, Device, DeviceOption, ThreadsOption, WeightsOption
from dads.profiles import check_profile_of, measure_profile, read_profile

STRATEGIES = ("adaptive", "edge_only", "cloud_only")


def edge(
    model: Annotated[str, typer.Option(help=MODEL_HELP, show_default=False)],
    cloud: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT", help="The cloud service; without it every frame is computed here."),
    ] = None,
    source: Annotated[
        str, typer.Option(help="A video file, a folder of images, /dev/video0, rtsp://..., or sample (a real clip).")
    ] = "sample",
    rate: Annotated[float, typer.Option(min=0.001, help="Sampling rate in frames per second.")] = 5.0,
    frames: Annotated[
        int | None,
        typer.Option(min=1, help="Stop after so many frames; a shorter clip is repeated.", show_default=False),
    ] = None,
    loop: Annotated[bool, typer.Option(help="Repeat the clip for ever.")] = False,
    strategy: Annotated[
        str, typer.Option(help="adaptive, or one of the baselines edge_only and cloud_only.")
    ] = "adaptive",
    compare: Annotated[
        bool, typer.Option(help="Run edge_only and cloud_only over the same frames afterwards, into the report.")
    ] = False,
    verify: Annotated[
        bool, typer.Option(help="Compare every result with the whole model run here; exit 1 if any differs.")
    ] = False,
    report: Annotated[
        Path | None, typer.Option(metavar="FILE.json", help="Write what the run amounts to.", show_default=False)
    ] = None,
    results: Annotated[
        str | None,
        typer.Option(metavar="FILE.jsonl|-", help="Write a JSON line per frame; - is stdout.", show_default=False),
    ] = None,
    edge_slowdown: Annotated[
        float | None,
        typer.Option(min=1.0, help="Stretch the edge's compute time by really waiting.", show_default=False),
    ] = None,
    profile: Annotated[
        Path | None,
        typer.Option(help="Times of the layers here, from dads profile; measured if not given.", show_default=False),
    ] = None,
    require_cloud: Annotated[
        bool | None, typer.Option("--require-cloud", help="Exit with 3 if the cloud cannot be reached at the start.")
    ] = None,
    metrics_port: Annotated[
        int | None, typer.Option(help="Serve Prometheus metrics on this port of 127.0.0.1.", show_default=False)
    ] = None,
    weights: WeightsOption = None,
    device: DeviceOption = Device.CPU,
    threads: ThreadsOption = None,
    log_format: Annotated[
        logs.LogFormat, typer.Option(help="How logs are written to stderr.")
    ] = logs.LogFormat.CONSOLE,
) -> None:
    """Stream frames through a model that is split between here and a cloud."""
    if strategy not in STRATEGIES:
        raise InvalidUsageError(f"--strategy is {strategy!r}, expected one of {', '.join(STRATEGIES)}")
    if cloud is None and (compare or require_cloud or strategy == "cloud_only"):
        raise InvalidUsageError("--compare, --require-cloud and --strategy cloud_only need --cloud HOST:PORT")
    if report is not None and not report.resolve().parent.is_dir():
        raise InvalidUsageError(f"--report {report}: there is no folder {report.resolve().parent}")
    logs.configure(log_format)
    from edge_service.sources import open_source  # noqa: PLC0415 - torch takes seconds to import

    open_source(source, height=1, width=1)  # a source that is not there is told before the model is loaded
    stored = None if profile is None else read_profile(profile)
    loaded = load_model(model, weights=weights, device=device.value, threads=threads)
    if stored is None or profile is None:
        stored = measure_profile(loaded)
    else:
        check_profile_of(stored, loaded, profile)

    from dads.session import EdgeSession, StreamOptions  # noqa: PLC0415 - torch takes seconds to import
    from edge_service import AgentConfig  # noqa: PLC0415 - torch takes seconds to import
    from models import Profile  # noqa: PLC0415 - see above

    given = {"rate_hz": rate, "keep_inputs": verify, "slowdown": edge_slowdown, "require_cloud": require_cloud}
    # What was not typed is left to the environment.
    config = AgentConfig(**{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type] # pydantic checks
    session = EdgeSession(
        loaded,
        cloud,
        config,
        StreamOptions(source, rate, frames, loop),
        edge_profile=Profile(layer_s=stored.layer_s, whole_s=stored.whole_s),
        verify=verify,
        metrics_port=metrics_port,
    )
    with _opened(results) as file:
        made = asyncio.run(session.run([strategy, *_others(strategy)] if compare else [strategy], file))
    if report is not None:
        report.write_text(json.dumps(made, indent=2) + "\n", encoding="utf-8")
    if any(run.get("verify", {}).get("different", 0) for run in [made, *made.get("baselines", {}).values()]):
        raise typer.Exit(1)


def _others(strategy: str) -> list[str]:
    return [other for other in STRATEGIES if other not in ("adaptive", strategy)]


@contextlib.contextmanager
def _opened(results: str | None) -> Iterator[TextIO | None]:
    if results is None or results == "-":
        yield None if results is None else sys.stdout
        return
    with Path(results).open("w", encoding="utf-8") as file:
        yield file
