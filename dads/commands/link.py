"""`dads link`: an emulated slow, changing link between an edge and a cloud that are close to each other."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from typing import Annotated

import typer

from dads import units
from dads.errors import InvalidUsageError, UnitError
from dads.options import an_address, in_units
from dads.ports import check_free
from link_emulator import LinkEmulator, Trace, TraceError, bundled


def link(
    target: Annotated[
        str,
        typer.Option(metavar="HOST:PORT", callback=an_address, help="The cloud to relay to.", show_default=False),
    ],
    listen: Annotated[
        str, typer.Option(metavar="HOST:PORT", help="Address for the edge to connect to; port 0 picks a free one.")
    ] = "127.0.0.1:50052",
    uplink: Annotated[
        str,
        typer.Option(
            metavar="RATE|FILE.csv|TRACE",
            help="Edge to cloud: 20Mbit/s, a trace's file, or a trace's name, such as slow_steps.",
        ),
    ] = "slow_steps",
    downlink: Annotated[
        str, typer.Option(metavar="RATE|FILE.csv|TRACE", help="Cloud to edge, in the same form.")
    ] = "100Mbit/s",
    rtt: Annotated[
        float, typer.Option(parser=in_units(units.parse_duration), metavar="DURATION", help="Round trip of the link.")
    ] = "10ms",  # type: ignore[assignment] # typer parses the default too
) -> None:
    """Relay connections to a cloud over an emulated link, until SIGTERM or SIGINT.

    The traces start as soon as an edge can connect, and repeat. The link is a relay in user space: the package
    `link_emulator` says what it models and what it does not.
    """
    up, down = a_trace("--uplink", uplink), a_trace("--downlink", downlink)
    emulator = LinkEmulator(target, uplink=up, downlink=down, delay_s=rtt / 2, listen=listen)
    host, _, port = listen.rpartition(":")
    check_free("--listen", host.strip("[]"), int(port))
    asyncio.run(_relay(emulator, target))


def a_trace(option: str, text: str) -> Trace:
    """Read a rate with its unit, a trace's file, or the name of a bundled trace.

    Args:
        option: The option; messages begin with it.
        text: The option's value.

    Raises:
        InvalidUsageError: the value is none of them, or a rate of 0.
        TraceError: the file is not a trace.
    """
    if Path(text).suffix == ".csv":
        return Trace.from_csv(text)
    try:
        return bundled(text)
    except TraceError as no_trace:
        try:
            rate_bps = units.parse_rate(text)
        except UnitError as error:
            raise InvalidUsageError(f"{option} {text}: {error}; and {no_trace}") from error
        if rate_bps == 0:
            raise InvalidUsageError(f"{option} {text}: must be more than 0, or nothing gets through") from no_trace
        return Trace.constant(rate_bps)


async def _relay(emulator: LinkEmulator, target: str) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with emulator:
        typer.echo(f"link to {target} on {emulator.address}")
        await stop.wait()
