"""The demo's processes: a cloud, an edge and a changing link, and what is shown while they run."""

from __future__ import annotations

import asyncio
import json
import math
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from dads import units
from dads.children import Child
from dads.demo.summary import BASELINES, shown
from dads.errors import CommandError, ExitCode, InvalidUsageError
from dads.health_check import check
from dads.loading import SEEDED, is_seeded
from dads.session.frame_table import FrameTable
from link_emulator import LinkEmulator, Trace

_START_LIMIT_S = 300.0
_FEW_STEPS = 20  # a trace with more steps changes too often to announce each change
_DOWNLINK_BPS = 100e6


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """The settings of the demo; see the command's help."""

    model: str
    frames: int
    rate_hz: float
    uplink: Trace
    rtt_s: float
    slowdown: float
    source: str
    device: str
    wire: tuple[str, ...]
    compared: tuple[str, ...] = BASELINES
    computing: tuple[str, ...] = ()


class Demo:
    """One demo.

    Args:
        options: the settings.
        report: the file that the edge writes its report to.
        console: where frames and messages are printed.
    """

    def __init__(self, options: DemoOptions, report: Path, console: Console) -> None:
        self._options = options
        self._report = report
        self._console = console
        self._table = FrameTable(console)
        self._link: LinkEmulator | None = None
        self._announcer: asyncio.Task[None] | None = None

    async def run(self) -> int:
        """Runs the demo.

        Returns:
            The edge's exit code; its report is in the file.

        Raises:
            CommandError: the cloud did not start.
        """
        options = self._options
        self._say(
            f"{options.model} on a clip at {options.rate_hz:g} frames/s. Both sides run on this machine; "
            f"the edge is slowed down {options.slowdown:g} times (--edge-slowdown) by waiting.",
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
        arguments += ["--device", options.device, "--threads", "1", "--log-format", "json", *options.computing]
        cloud = Child("cloud", arguments, self._cloud_message)
        await stack.enter_async_context(cloud)
        address: str | None = None
        async with asyncio.timeout(_START_LIMIT_S):
            async for line in cloud.lines():
                if line.startswith("serving ") and " on " in line:
                    address = line.rpartition(" on ")[2]
                    break
        if address is None:
            raise failed("the cloud did not start", await cloud.wait())
        await asyncio.to_thread(check, address, timeout_s=5.0)
        return address

    async def _run_edge(self, stack: AsyncExitStack, address: str) -> int:
        options = self._options
        arguments = ["edge", "--model", options.model, "--cloud", address, "--source", options.source]
        arguments += ["--rate", str(options.rate_hz), "--frames", str(options.frames), "--device", options.device]
        arguments += ["--edge-slowdown", str(options.slowdown), "--threads", "1", "--require-cloud"]
        arguments += options.computing
        arguments += ["--policy", "adaptive", "--compare-with", ",".join(options.compared), "--verify", *options.wire]
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
        """Shows the edge's warnings; restarts the link's trace with each run."""
        record = self._log_line("edge", line)
        match record.get("event"):
            case "run started":
                self._start_run(record["run"])
            case "run finished":
                self._stop_announcing()

    def _log_line(self, who: str, line: str) -> dict[str, Any]:
        """Shows a child's progress and warnings, and returns the record of the log; empty for a line of progress."""
        try:
            record: dict[str, Any] = json.loads(line)
        except json.JSONDecodeError:
            if not line.endswith(" %"):  # the quarters of a progress are left out
                self._say(f"  {who}: {line}", "dim")
            return {}
        if record.get("level") in ("warning", "error", "critical"):
            rest = {key: value for key, value in record.items() if key not in ("event", "level", "timestamp")}
            details = ", ".join(f"{key} {value}" for key, value in rest.items())
            self._say(f"  ! {who}: {record['event']}: {details}", "yellow")
        return record

    def _start_run(self, policy: str) -> None:
        self._say(f"\n{shown(policy)}: {self._options.frames} frames", "bold")
        self._stop_announcing()
        if self._link is not None:
            self._link.restart()
        if policy == "adaptive" and len(self._options.uplink.times_s) <= _FEW_STEPS:
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
    """Yields the changes of a repeating trace after its first step."""
    period = 0
    while True:
        for index, (time_s, rate_bps) in enumerate(zip(trace.times_s, trace.rates_bps, strict=True)):
            if (period or index) and rate_bps != trace.rates_bps[index - 1]:
                yield period * trace.period_s + time_s, rate_bps
        period += 1


class _BaselineProgress:
    """Counts a baseline's frames; gives a line at each quarter."""

    def __init__(self, frames: int) -> None:
        self._frames = frames
        self._seen: dict[str, int] = {}

    def counted(self, run: str) -> str | None:
        seen = self._seen[run] = self._seen.get(run, 0) + 1
        quarter = max(1, self._frames // 4)
        return f"  {seen} of {self._frames} frames" if seen % quarter == 0 or seen == self._frames else None


def failed(what: str, code: int) -> CommandError:
    """The error for a child that failed; wrong usage of the child is wrong usage of the demo."""
    kind = InvalidUsageError if code == ExitCode.USAGE else CommandError
    return kind(f"{what} (exit code {code}); its messages are above")
