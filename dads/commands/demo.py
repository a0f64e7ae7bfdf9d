"""`dads demo`: a cloud, an edge and a changing link on this machine, a real clip, and a check of every result."""

from __future__ import annotations

import asyncio
import json
import signal
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from dads import units
from dads.commands.link import a_trace
from dads.demo.run import Demo, DemoOptions, failed
from dads.demo.summary import BASELINES, print_summary, verdict
from dads.errors import CommandError, ExitCode, InterruptedByUserError, InvalidUsageError
from dads.options import (
    MODEL_HELP,
    CacheDirOption,
    Device,
    Encodings,
    EncodingsOption,
    Engine,
    EngineOption,
    InputEncoding,
    InputEncodingOption,
    MaxErrorOption,
    NoCacheOption,
    PreprocessOption,
    ReportOption,
    above_zero,
    in_units,
)
from dads.session.frame_table import PlainConsole
from dads.session.settings import compared


def demo(
    model: Annotated[str, typer.Option(help=MODEL_HELP)] = "zoo:efficientnet_lite0",
    frames: Annotated[int, typer.Option(min=1, help="Frames of each run.")] = 130,
    rate: Annotated[
        float, typer.Option(min=0.001, callback=above_zero, help="Sampling rate in frames per second.")
    ] = 6.0,
    link: Annotated[
        str,
        typer.Option(
            metavar="RATE|FILE.csv|TRACE",
            help="The uplink: 20Mbit/s, a trace's file, or a trace's name, such as demo_steps or lte_uplink_verizon.",
        ),
    ] = "demo_steps",
    rtt: Annotated[
        float, typer.Option(parser=in_units(units.parse_duration), metavar="DURATION", help="Round trip of the link.")
    ] = "10ms",  # type: ignore[assignment] # typer parses the default too
    edge_slowdown: Annotated[
        float,
        typer.Option(
            min=1.0,
            callback=above_zero,
            help="Both sides run on this machine; the edge is made this many times slower by waiting.",
        ),
    ] = 16.0,
    source: Annotated[str, typer.Option(help="sample (a real clip), a video file or a folder of images.")] = "sample",
    compare: Annotated[
        str, typer.Option(metavar="POLICY[,POLICY]", help="Policies to run beside adaptive; see dads edge --policy.")
    ] = ",".join(BASELINES),
    preprocess: PreprocessOption = None,
    encodings: EncodingsOption = None,
    max_error: MaxErrorOption = None,
    input_encoding: InputEncodingOption = None,
    device: Annotated[Device, typer.Option(help="Where both sides compute.")] = Device.CPU,
    report: ReportOption = None,
    engine: EngineOption = None,
    cache_dir: CacheDirOption = None,
    no_cache: NoCacheOption = False,
) -> None:
    """Show the whole system on this machine, compare it with other policies, and verify every result."""
    others = tuple(name for name in compared("--compare", compare) if name != "adaptive")
    if not others:
        raise InvalidUsageError("--compare names adaptive alone, which always runs; name a policy to run beside it")
    options = DemoOptions(
        model=model,
        frames=frames,
        rate_hz=rate,
        uplink=a_trace("--link", link),
        rtt_s=rtt,
        slowdown=edge_slowdown,
        source=source,
        device=device.value,
        wire=_edge_arguments(preprocess, encodings, max_error, input_encoding),
        compared=others,
        computing=_computing(engine, cache_dir, no_cache=no_cache),
    )
    from edge_service.sources import open_source  # noqa: PLC0415 - keeps `dads --help` fast

    open_source(source, height=1, width=1)  # a missing source is an error before anything starts
    began_s = time.monotonic()
    console = PlainConsole()
    made = asyncio.run(_report(options, report, console))
    print_summary(made, frames, console, options.compared)
    console.print(f"All of this took {time.monotonic() - began_s:.0f} s.", style="dim")
    problem = verdict(made, frames, options.compared)
    if problem is not None:
        raise CommandError(problem)


async def _report(options: DemoOptions, report: Path | None, console: Console) -> dict[str, Any]:
    """Runs the demo, and returns the edge's report.

    Raises:
        CommandError: a child failed.
        InterruptedByUserError: SIGTERM arrived; all children have ended.
    """
    running = asyncio.current_task()
    terminated = asyncio.Event()

    def on_sigterm() -> None:
        terminated.set()
        if running is not None:
            running.cancel()

    # asyncio handles SIGINT, by cancelling in the same way.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, on_sigterm)
    try:
        with tempfile.TemporaryDirectory(prefix="dads-demo-") as folder:
            path = report or Path(folder) / "report.json"
            path.unlink(missing_ok=True)
            code = await Demo(options, path, console).run()
            # Exit code 1 with a report means that a result differs: the summary says so.
            if code != ExitCode.DONE and not (code == ExitCode.FAILED and path.is_file()):
                raise failed("the edge failed", code)
            made: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            return made
    except asyncio.CancelledError:
        if terminated.is_set():
            raise InterruptedByUserError("interrupted") from None
        raise


def _computing(engine: Engine | None, cache_dir: Path | None, *, no_cache: bool) -> tuple[str, ...]:
    """The options of both sides about what computes."""
    made = () if engine is None else ("--engine", engine.value)
    if no_cache:
        return (*made, "--no-cache")
    return made if cache_dir is None else (*made, "--cache-dir", str(cache_dir.absolute()))


def _edge_arguments(
    preprocess: str | None,
    encodings: Encodings | None,
    max_error: float | None,
    input_encoding: InputEncoding | None,
) -> tuple[str, ...]:
    given = {
        "--preprocess": preprocess,
        "--encodings": encodings,
        "--max-error": max_error,
        "--input-encoding": input_encoding,
    }
    return tuple(part for name, value in given.items() if value is not None for part in (name, str(value)))
