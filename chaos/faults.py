"""What can go wrong between an edge and its cloud: each fault begins, and ends.

When `end` returns, nothing is in the way of offloading any more: from then on the time until it is back counts.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from abc import ABC, abstractmethod
from typing import ClassVar

from chaos.world import World
from link_emulator import Trace

__all__ = ["FAULTS", "Fault"]


class Fault(ABC):
    """One kind of trouble; an instance happens once.

    Attributes:
        name: For tables.
        silences: Whether nothing at all comes from the cloud while it lasts, though its connection stays.
    """

    name: ClassVar[str]
    silences: ClassVar[bool] = False

    @abstractmethod
    async def begin(self, world: World) -> None:
        """Let it happen."""

    @abstractmethod
    async def end(self, world: World) -> None:
        """Let everything be well again."""


class Killed(Fault):
    """The cloud's process is killed, and started again."""

    name = "cloud killed (-9)"

    async def begin(self, world: World) -> None:
        """See the class."""
        await world.kill_cloud()

    async def end(self, world: World) -> None:
        """See the class."""
        await world.start_cloud()


class Stopped(Fault):
    """The cloud's process is stopped: its connections stay, and nobody is at home."""

    name = "cloud stopped (SIGSTOP)"
    silences = True

    async def begin(self, world: World) -> None:
        """See the class."""
        if world.cloud is not None:
            world.cloud.send(signal.SIGSTOP)

    async def end(self, world: World) -> None:
        """See the class."""
        if world.cloud is not None:
            world.cloud.send(signal.SIGCONT)


class BlackHole(Fault):
    """The link swallows everything, both ways."""

    name = "black hole"
    silences = True

    async def begin(self, world: World) -> None:
        """See the class."""
        world.link.cut()

    async def end(self, world: World) -> None:
        """See the class."""
        world.link.restore()


class HalfOpen(Fault):
    """What the edge sends arrives, and nothing comes back."""

    name = "half-open"
    silences = True

    async def begin(self, world: World) -> None:
        """See the class."""
        world.link.cut(uplink=False)

    async def end(self, world: World) -> None:
        """See the class."""
        world.link.restore()


class Reset(Fault):
    """Every connection is reset once; new ones are accepted."""

    name = "connection reset"

    async def begin(self, world: World) -> None:
        """See the class."""
        world.link.reset_connections()

    async def end(self, world: World) -> None:
        """See the class."""


class Refused(Fault):
    """Every connection is reset, and new ones are refused."""

    name = "connection refused"

    async def begin(self, world: World) -> None:
        """See the class."""
        world.link.refuse(True)
        world.link.reset_connections()

    async def end(self, world: World) -> None:
        """See the class."""
        world.link.refuse(False)


class TenTimesSlower(Fault):
    """The uplink has a tenth of its rate."""

    name = "10x slower"

    async def begin(self, world: World) -> None:
        """See the class."""
        world.link.set_uplink(Trace.constant(world.options.uplink_bps / 10))

    async def end(self, world: World) -> None:
        """See the class."""
        world.link.set_uplink(Trace.constant(world.options.uplink_bps))


class Delayed(Fault):
    """Everything takes half a second longer, each way."""

    name = "500 ms delay"

    async def begin(self, world: World) -> None:
        """See the class."""
        world.link.set_delay(0.5)

    async def end(self, world: World) -> None:
        """See the class."""
        world.link.set_delay(world.options.delay_s)


class Flapping(Fault):
    """The link is gone for a second, there for a second, and so on."""

    name = "flapping every second"

    def __init__(self) -> None:
        self._task: asyncio.Task[None] | None = None

    async def begin(self, world: World) -> None:
        """See the class."""
        self._task = asyncio.create_task(self._flap(world), name="flapping")

    async def end(self, world: World) -> None:
        """See the class."""
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
    """The cloud is started again with other weights under the same name, and later with the right ones."""

    name = "cloud with another model"

    async def begin(self, world: World) -> None:
        """See the class."""
        await world.kill_cloud()
        await world.start_cloud(wrong_twin=True)

    async def end(self, world: World) -> None:
        """See the class."""
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
