"""The faults between an edge and its cloud, each with its beginning and its end.

When `end` returns, offloading is possible again; the recovery time counts from then.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from abc import ABC, abstractmethod
from typing import ClassVar

from chaos.world import World
from link_emulator import Trace

__all__ = ["FAULTS", "Fault", "Terminated", "WrongTwin"]


class Fault(ABC):
    """One kind of fault; an instance is used once.

    Attributes:
        name: Its name in tables.
        silences: Whether the edge receives nothing from the cloud during the fault, though the connection stays open.
    """

    name: ClassVar[str]
    silences: ClassVar[bool] = False

    @abstractmethod
    async def begin(self, world: World) -> None:
        """Inject the fault."""

    @abstractmethod
    async def end(self, world: World) -> None:
        """Remove the fault."""


class Killed(Fault):
    """The cloud's process is killed, and started again."""

    name = "cloud killed (-9)"

    async def begin(self, world: World) -> None:
        await world.kill_cloud()

    async def end(self, world: World) -> None:
        await world.start_cloud()


class Terminated(Fault):
    """The cloud's process is told to end, finishes what it has, and is started again."""

    name = "cloud terminated"

    async def begin(self, world: World) -> None:
        """Tell it to end."""
        if world.cloud is not None:
            world.cloud.send(signal.SIGTERM)
            await world.cloud.wait()

    async def end(self, world: World) -> None:
        """Start it again."""
        await world.start_cloud()


class Stopped(Fault):
    """The cloud's process is stopped: its connections stay open, but it does nothing."""

    name = "cloud stopped (SIGSTOP)"
    silences = True

    async def begin(self, world: World) -> None:
        if world.cloud is not None:
            world.cloud.send(signal.SIGSTOP)

    async def end(self, world: World) -> None:
        if world.cloud is not None:
            world.cloud.send(signal.SIGCONT)


class BlackHole(Fault):
    """The link stalls all bytes in both directions."""

    name = "black hole"
    silences = True

    async def begin(self, world: World) -> None:
        world.link.cut()

    async def end(self, world: World) -> None:
        world.link.restore()


class HalfOpen(Fault):
    """The link stalls all bytes from the cloud to the edge; the other direction works."""

    name = "half-open"
    silences = True

    async def begin(self, world: World) -> None:
        world.link.cut(uplink=False)

    async def end(self, world: World) -> None:
        world.link.restore()


class Reset(Fault):
    """Every connection is reset once; new ones are accepted."""

    name = "connection reset"

    async def begin(self, world: World) -> None:
        world.link.reset_connections()

    async def end(self, world: World) -> None:
        pass


class Refused(Fault):
    """Every connection is reset, and new ones are refused."""

    name = "connection refused"

    async def begin(self, world: World) -> None:
        world.link.refuse(True)
        world.link.reset_connections()

    async def end(self, world: World) -> None:
        world.link.refuse(False)


class TenTimesSlower(Fault):
    """The uplink has a tenth of its rate."""

    name = "10x slower"

    async def begin(self, world: World) -> None:
        world.link.set_uplink(Trace.constant(world.options.uplink_bps / 10))

    async def end(self, world: World) -> None:
        world.link.set_uplink(Trace.constant(world.options.uplink_bps))


class Delayed(Fault):
    """The link's delay is half a second in each direction."""

    name = "500 ms delay"

    async def begin(self, world: World) -> None:
        world.link.set_delay(0.5)

    async def end(self, world: World) -> None:
        world.link.set_delay(world.options.delay_s)


class Flapping(Fault):
    """The link is cut for a second and restored for a second, repeatedly."""

    name = "flapping every second"

    def __init__(self) -> None:
        self._task: asyncio.Task[None] | None = None

    async def begin(self, world: World) -> None:
        self._task = asyncio.create_task(self._flap(world), name="flapping")

    async def end(self, world: World) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        world.link.restore()

    async def _flap(self, world: World) -> None:
        while True:
            world.link.cut()
            await asyncio.sleep(1.0)
            world.link.restore()
            await asyncio.sleep(1.0)


class WrongTwin(Fault):
    """The cloud is restarted with other weights under the same name, and at the end with the right ones."""

    name = "cloud with another model"

    async def begin(self, world: World) -> None:
        """Replace it by a wrong one."""
        await world.kill_cloud()
        await world.start_cloud(wrong_twin=True)

    async def end(self, world: World) -> None:
        """Start the right one."""
        await world.start_cloud()


FAULTS: tuple[type[Fault], ...] = (
    Killed,
    Stopped,
    BlackHole,
    HalfOpen,
    Reset,
    Refused,
    TenTimesSlower,
    Delayed,
    Flapping,
    WrongTwin,
)
