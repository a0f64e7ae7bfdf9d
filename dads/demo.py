"""`dads demo`: a cloud, an edge and a changing link on this machine, a real clip, and the proof that it works."""

from __future__ import annotations

import asyncio
import json
import math
import signal
import tempfile
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from dads import units
from dads.children import Child
from dads.demo_summary import print_summary, verdict
from dads.errors import CommandError, ExitCode, InterruptedByUserError, InvalidUsageError
from dads.frame_table import FrameTable, PlainConsole
from dads.health import check
from dads.link import a_trace
from dads.loading import SEEDED, is_seeded
from dads.options import (
    MODEL_HELP,
    Device,
    Encodings,
    EncodingsOption,
    InputEncoding,
    InputEncodingOption,
    MaxErrorOption,
    ReportOption,
    above_zero,
    in_units,
)
from link_emulator import LinkEmulator, Trace

_START_LIMIT_S = 300.0
_FEW_STEPS = 20  # a trace with more steps changes too often to announce each change
_DOWNLINK_BPS = 100e6


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """What the demo runs; see the command's help."""

    model: str
    frames: int
    rate_hz: float
    uplink: Trace
    rtt_s: float
    slowdown: float
    source: str
    device: str
    wire: tuple[str, ...]


def demo(
    model: Annotated[str, typer.Option(help=MODEL_HELP)] = "zoo:efficientnet_lite0",
    frames: Annotated[int, typer.Option(min=1, help="Frames of each run.")] = 130,
    rate: Annotated[
        float, typer.Option(min=0.001, callback=above_zero, help="Sampling rate in frames per second.")
    ] = 6.0,
    link: Annotated[
        str,
        typer.Option(
            metavar="RATE|FILE.csv|TRACE", help="20Mbit/s, a trace's file, or demo_steps, lte_uplink_verizon."
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
            help="Both sides run on this machine; the edge is made this many times slower by really waiting.",
        ),
    ] = 16.0,
    source: Annotated[
        str, typer.Option(help="sample is a real clip; or a video file or a folder of images.")
    ] = "sample",
    encodings: EncodingsOption = None,
    max_error: MaxErrorOption = None,
    input_encoding: InputEncodingOption = None,
    device: Annotated[Device, typer.Option(help="Where both sides compute.")] = Device.CPU,
    report: ReportOption = None,
) -> None:
    """Show the whole system on this machine, compare it with the baselines, and verify every result."""
    options = DemoOptions(
        model=model,
        frames=frames,
        rate_hz=rate,
        uplink=a_trace("--link", link),
        rtt_s=rtt,
        slowdown=edge_slowdown,
        source=source,
        device=device.value,
        wire=_wire_arguments(encodings, max_error, input_encoding),
    )
    from edge_service.sources import open_source  # noqa: PLC0415 - torch takes seconds to import

    open_source(source, height=1, width=1)  # a source that is not there is told before anything is started
    began_s = time.monotonic()
    console = PlainConsole()
    made = asyncio.run(_report(options, report, console))
    print_summary(made, frames, console)
    console.print(f"All of this took {time.monotonic() - began_s:.0f} s.", style="dim")
    problem = verdict(made, frames)
    if problem is not None:
        raise CommandError(problem)


async def _report(options: DemoOptions, report: Path | None, console: Console) -> dict[str, Any]:
    """Runs the demo, and returns what the edge reports.

    Raises:
        CommandError: a child failed.
        InterruptedByUserError: SIGTERM came; nothing is left behind.
    """
    running = asyncio.current_task()
    terminated = asyncio.Event()

    def on_sigterm() -> None:
        terminated.set()
        if running is not None:
            running.cancel()

    # SIGINT is asyncio's: it cancels in the same way.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, on_sigterm)
    try:
        with tempfile.TemporaryDirectory(prefix="dads-demo-") as folder:
            path = report or Path(folder) / "report.json"
            path.unlink(missing_ok=True)
            code = await Demo(options, path, console).run()
            # Exit code 1 with a report is a result that differs: the summary says so.
            if code != ExitCode.DONE and not (code == ExitCode.FAILED and path.is_file()):
                raise _failed("the edge failed", code)
            made: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            return made
    except asyncio.CancelledError:
        if terminated.is_set():
            raise InterruptedByUserError("interrupted") from None
        raise


def _wire_arguments(
    encodings: Encodings | None, max_error: float | None, input_encoding: InputEncoding | None
) -> tuple[str, ...]:
    given = {"--encodings": encodings, "--max-error": max_error, "--input-encoding": input_encoding}
    return tuple(part for name, value in given.items() if value is not None for part in (name, str(value)))


def _failed(what: str, code: int) -> CommandError:
    """The error for a child that failed; what it calls wrong usage is wrong usage of the demo."""
    kind = InvalidUsageError if code == ExitCode.USAGE else CommandError
    return kind(f"{what} (exit code {code}); its messages are above")


class Demo:
    """One demo.

    Args:
        options: what to run.
        report: the file that the edge writes its report to.
        console: where to show it.
    """

    def __init__(self, options: DemoOptions, report: Path, console: Console) -> None:
        self._options = options
        self._report = report
        self._console = console
        self._table = FrameTable(console)
        self._link: LinkEmulator | None = None
        self._announcer: asyncio.Task[None] | None = None

    async def run(self) -> int:
        """Runs it.

        Returns:
            The edge's exit code; its report is in the file.

        Raises:
            CommandError: the cloud could not be started.
        """
        options = self._options
        self._say(
            f"{options.model} on a clip at {options.rate_hz:g} frames/s. Both sides run on this machine; "
            f"the edge is slowed down {options.slowdown:g} times (--edge-slowdown) by really waiting.",
            "bold",
        )
        if is_seeded(options.model, weights=None):
            self._say(SEEDED, "yellow")
        async with AsyncExitStack() as stack:
            address = await self._start_cloud(stack)
            self._link = await stack.enter_async_context(
                LinkEmulator(
                    address,
                    uplink=options.uplink,
                    downlink=Trace.constant(_DOWNLINK_BPS),
                    delay_s=options.rtt_s / 2,
                )
            )
            return await self._run_edge(stack, self._link.address)

    async def _start_cloud(self, stack: AsyncExitStack) -> str:
        options = self._options
        arguments = ["cloud", "--model", options.model, "--listen", "127.0.0.1:0"]
        arguments += ["--device", options.device, "--threads", "1", "--log-format", "json"]
        cloud = Child("cloud", arguments, self._cloud_message)
        await stack.enter_async_context(cloud)
        address: str | None = None
        async with asyncio.timeout(_START_LIMIT_S):
            async for line in cloud.lines():
                if line.startswith("serving ") and " on " in line:
                    address = line.rpartition(" on ")[2]
                    break
        if address is None:
            raise _failed("the cloud did not start", await cloud.wait())
        await asyncio.to_thread(check, address, timeout_s=5.0)
        return address

    async def _run_edge(self, stack: AsyncExitStack, address: str) -> int:
        options = self._options
        arguments = ["edge", "--model", options.model, "--cloud", address, "--source", options.source]
        arguments += ["--rate", str(options.rate_hz), "--frames", str(options.frames), "--device", options.device]
        arguments += ["--edge-slowdown", str(options.slowdown), "--threads", "1", "--require-cloud"]
        arguments += ["--strategy", "adaptive", "--compare", "--verify", *options.wire]
        arguments += ["--report", str(self._report), "--results", "-", "--log-format", "json"]
        edge = await stack.enter_async_context(Child("edge", arguments, self._edge_message))
        progress = _BaselineProgress(options.frames)
        async for line in edge.lines():
            record = json.loads(line)
            if record["run"] == "adaptive":
                self._table.row(record)
            elif (text := progress.counted(record["run"])) is not None:
                self._say(text, "dim")
        code = await edge.wait()
        self._stop_announcing()
        return code

    def _cloud_message(self, line: str) -> None:
        self._log_line("cloud", line)

    def _edge_message(self, line: str) -> None:
        """Shows what matters of the edge's log; each run starts the link's trace anew."""
        record = self._log_line("edge", line)
        match record.get("event"):
            case "run started":
                self._start_run(record["run"])
            case "run finished":
                self._stop_announcing()

    def _log_line(self, who: str, line: str) -> dict[str, Any]:
        """Shows a child's progress and warnings, and returns the log's record; empty for a line of progress."""
        try:
            record: dict[str, Any] = json.loads(line)
        except json.JSONDecodeError:
            if not line.endswith(" %"):  # the quarters of a progress say nothing that its end does not
                self._say(f"  {who}: {line}", "dim")
            return {}
        if record.get("level") in ("warning", "error", "critical"):
            rest = {key: value for key, value in record.items() if key not in ("event", "level", "timestamp")}
            told = ", ".join(f"{key} {value}" for key, value in rest.items())
            self._say(f"  ! {who}: {record['event']}: {told}", "yellow")
        return record

    def _start_run(self, strategy: str) -> None:
        self._say(f"\n{strategy.replace('_', '-')}: {self._options.frames} frames", "bold")
        self._stop_announcing()
        if self._link is not None:
            self._link.restart()
        if strategy == "adaptive" and len(self._options.uplink.times_s) <= _FEW_STEPS:
            self._announcer = asyncio.create_task(self._announce_changes())

    async def _announce_changes(self) -> None:
        uplink, began_s = self._options.uplink, time.monotonic()
        self._say(f"  the uplink is {units.format_rate(uplink.rates_bps[0])}", "bold cyan")
        if uplink.period_s == math.inf:
            return
        for time_s, rate_bps in _steps(uplink):
            await asyncio.sleep(began_s + time_s - time.monotonic())
            self._say(f"  the uplink is now {units.format_rate(rate_bps)}", "bold cyan")

    def _stop_announcing(self) -> None:
        if self._announcer is not None:
            self._announcer.cancel()
            self._announcer = None

    def _say(self, text: str, style: str = "") -> None:
        self._table.say(text, style)


def _steps(trace: Trace) -> Any:  # noqa: ANN401 - an endless generator of (time, rate)
    """The changes of a repeating trace after its first step."""
    period = 0
    while True:
        for index, (time_s, rate_bps) in enumerate(zip(trace.times_s, trace.rates_bps, strict=True)):
            if (period or index) and rate_bps != trace.rates_bps[index - 1]:
                yield period * trace.period_s + time_s, rate_bps
        period += 1


class _BaselineProgress:
    """A line at each quarter of a baseline's frames."""

    def __init__(self, frames: int) -> None:
        self._frames = frames
        self._seen: dict[str, int] = {}

    def counted(self, run: str) -> str | None:
        seen = self._seen[run] = self._seen.get(run, 0) + 1
        quarter = max(1, self._frames // 4)
        return f"  {seen} of {self._frames} frames" if seen % quarter == 0 or seen == self._frames else None
