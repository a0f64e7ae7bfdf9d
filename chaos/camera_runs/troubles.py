"""The faults of a live camera, each drawn with its duration, and what serves the camera's stream to the edge.

A stream is served by the camera itself, or by a real server between camera and edge (`real_server`). The faults of the
process and of its connections strike whoever serves; those of the pictures strike the camera.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from chaos.camera_runs.cable import Cable
from chaos.cameras.camera import Camera

__all__ = ["TROUBLES", "Kind", "Server", "Stage", "kinds"]

_SIZES = ((320, 180), (640, 360), (480, 270))


class Server(Protocol):
    """Serves a camera's stream. Methods block."""

    @property
    def address(self) -> str:
        """The stream's address."""

    def power_off(self) -> None:
        """Ends it as a power cut does."""

    def power_on(self) -> None:
        """Starts it again, at the same address."""

    def silence(self) -> None:
        """Stops it from sending; connections stay open."""

    def speak(self) -> None:
        """Lets it send again."""


@dataclass(frozen=True, slots=True)
class Stage:
    """What a fault can strike; `cable` is None without network namespaces."""

    camera: Camera
    server: Server
    cable: Cable | None
    dice: random.Random

    def new_size(self) -> tuple[int, int]:
        """A size that the camera does not have now."""
        return self.dice.choice([size for size in _SIZES if size != self.camera.size])


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of fault.

    Attributes:
        name: Its name in tables.
        begin: Injects it; blocks.
        end: Removes it; blocks.
        lasts: Whether it lasts; else its end follows its beginning at once.
        interrupts_s: From this duration on, pictures are missing or a connection is lost.
        needs: What it needs: a cable, or a camera that serves itself.
    """

    name: str
    begin: Callable[[Stage], None]
    end: Callable[[Stage], None] = lambda _: None
    lasts: bool = True
    interrupts_s: float = 0.0
    needs: str = ""

    async def strike(self, stage: Stage, seconds: float) -> None:
        """Inject it for so long; the event loop goes on meanwhile."""
        await asyncio.to_thread(self.begin, stage)
        if self.lasts:
            await asyncio.sleep(seconds)
        await asyncio.to_thread(self.end, stage)


def _refuse(stage: Stage) -> None:
    stage.camera.refuse()
    stage.camera.hang_up()


def _return_with_another_size(stage: Stage) -> None:
    stage.camera.resize(*stage.new_size())
    stage.server.power_on()


def _pull(stage: Stage) -> None:
    if stage.cable is not None:
        stage.cable.pull()


def _plug(stage: Stage) -> None:
    if stage.cable is not None:
        stage.cable.plug()


_ITSELF, _CABLE = "a camera that serves itself", "a cable"
_NEVER = float("inf")

TROUBLES = (
    Kind("killed", lambda stage: stage.server.power_off(), lambda stage: stage.server.power_on()),
    Kind("restarted, another size", lambda stage: stage.server.power_off(), _return_with_another_size),
    # A shorter silence is a pause as networks have them.
    Kind("silent", lambda stage: stage.server.silence(), lambda stage: stage.server.speak(), interrupts_s=3.0),
    Kind(
        "another size in band",
        lambda stage: stage.camera.resize(*stage.new_size()),
        lasts=False,
        interrupts_s=_NEVER,
    ),
    Kind("refused", _refuse, lambda stage: stage.camera.accept(), needs=_ITSELF),
    Kind("hung up", lambda stage: stage.camera.hang_up(), lasts=False, needs=_ITSELF),
    Kind("reset", lambda stage: stage.camera.hang_up(reset=True), lasts=False, needs=_ITSELF),
    Kind("ended properly", lambda stage: stage.camera.end(), lasts=False, needs=_ITSELF),
    Kind(
        "timestamps jump",
        lambda stage: stage.camera.jump(stage.dice.uniform(-600, 600)),
        lasts=False,
        interrupts_s=_NEVER,
        needs=_ITSELF,
    ),
    Kind("cable pulled", _pull, _plug, interrupts_s=3.0, needs=_CABLE),
)


def kinds(stage: Stage) -> list[Kind]:
    """The faults that are possible here."""
    missing = set()
    if stage.cable is None:
        missing.add(_CABLE)
    if stage.server is not stage.camera:
        missing.add(_ITSELF)
    return [kind for kind in TROUBLES if kind.needs not in missing]
