"""Pings, probes and repeated questions for a profile, on the connection in use, whenever the flow says that one is due.

One measurement runs at a time. It ends with the connection, and is void if the link stood still meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from typing import Protocol

from edge_service.cloud.seam import Cloud, CloudProfile, ProbeReading
from edge_service.cloud.uplink_turns import UplinkTurns
from edge_service.control import Flow
from edge_service.errors import CloudError, CloudSilentError
from edge_service.parts import Parts

__all__ = ["Measured", "Measuring"]


class Measured(Protocol):
    """The link as its measurements see it."""

    @property
    def calls(self) -> Cloud | None:
        """The calls on the connection in use; None if there is none."""

    def profiled_again(self, profile: CloudProfile) -> None:
        """A replica sent its profile."""

    def failed(self, error: CloudError) -> None:
        """A measurement failed, and with it the connection."""


class Measuring:
    """See the module docstring.

    Args:
        link: has the connection, and is told of failures.
        parts: the parts of the run; used are timeouts and metrics.
        flow: says what is due, and takes what was measured.
        turns: lets one probe at a time on the uplink that several clouds share.
    """

    def __init__(self, link: Measured, parts: Parts, flow: Flow, turns: UplinkTurns) -> None:
        self._link = link
        self._config = parts.config
        self._metrics = parts.metrics
        self._flow = flow
        self._turns = turns
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Measures what is due, in the background, unless that goes on already."""
        if self._task is None:
            self._task = asyncio.create_task(self.measure(), name="cloud-measure")

    def check(self) -> None:
        """Raises the error that a measurement ended with, if it is not one of the cloud's."""
        if self._task is not None and self._task.done():
            measured, self._task = self._task, None
            measured.result()

    def stop(self) -> None:
        """Gives up what is under way."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def stopped(self) -> None:
        """Gives up what is under way, and waits until it has ended."""
        task = self._task
        self.stop()
        if task is not None:
            await asyncio.gather(task, return_exceptions=True)

    async def measure(self) -> None:
        """Measures what is due."""
        if self._flow.ping_due(time.monotonic()):
            await self.ping()
        if self._flow.profile_due(time.monotonic()):
            await self._ask_profile()
        size = self._flow.probe_due(time.monotonic())
        if size is not None:
            await self._probe(size)
        size = self._flow.down_probe_due(time.monotonic())
        if size is not None:
            await self._probe(size, down=True)

    async def ping(self) -> bool:
        """Measures the round trip; returns whether there was an answer."""
        calls = self._link.calls
        if calls is None:
            return False
        try:
            seconds = await calls.ping(self._config.ping_timeout_s)
        except CloudSilentError:
            return False  # it may wait behind an upload on a slow link; only missing heartbeats are a loss
        except CloudError as error:
            self._link.failed(error)
            return False
        self._flow.pinged(seconds, time.monotonic())
        return True

    async def _ask_profile(self) -> None:
        calls = self._link.calls
        if calls is not None:
            with contextlib.suppress(CloudError):  # another replica may have answered; its stream tells of a loss
                self._link.profiled_again(await calls.profile(self._config.call_timeout_s))

    async def _probe(self, size: int, *, down: bool = False) -> None:
        async with self._turns.turn():
            calls = self._link.calls
            if calls is not None and not self._flow.is_clogged:  # the turn may have come late
                await self._probe_now(calls, size, down=down)

    async def _probe_now(self, calls: Cloud, size: int, *, down: bool) -> None:
        call: Callable[[int, float], Awaitable[ProbeReading | None]] = calls.probe_down
        if not down:
            call = calls.probe
            self._metrics.sent("probe", size)
        probe = self._flow.probe_begun(size, time.monotonic(), down=down)
        try:
            reading = await call(size, self._config.call_timeout_s)
        except CloudSilentError:
            self._flow.probe_timed_out(probe, self._config.call_timeout_s, time.monotonic())
        except CloudError as error:
            self._link.failed(error)
        else:
            if reading is not None:
                self._flow.probe_read(probe, reading.received_bytes, reading.received_s, time.monotonic())
