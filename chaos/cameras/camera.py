"""A camera on this machine that takes numbered pictures in real time, serves them to viewers, and fails on command.

What RTSP and HTTP cameras have in common. Its methods may be called from any thread, and return when it is done:

    with RtspCamera(CameraOptions(user="anna", password="secret")) as camera:
        open_somehow(camera.address)              # rtsp://anna:secret@127.0.0.1:PORT/stream
        camera.wait_for_viewers()
        camera.silence()                          # sends nothing, connections stay open ...
        camera.speak()                            # ... and goes on with a keyframe
        camera.hang_up()                          # closes all connections; reset=True: by RST
        camera.refuse(); camera.accept()          # refuses new connections, and accepts them again
        camera.power_off(); camera.power_on()     # both, and the encoder begins anew
        camera.resize(640, 360)                   # in band, and for new sessions
        camera.jump(-3.0)                         # timestamps jump
        camera.drop(1)                            # the next picture is never sent
        camera.end()                              # ends the stream properly (BYE, or the closing boundary)
        number = picture_number(rgb)              # which picture a reader got
        age_s = time.monotonic() - camera.taken_s(number)

Numbers go on through faults, also while the camera is off, so a number belongs to one picture. The clock of
`time.monotonic` is the same in all processes of a machine.
"""

from __future__ import annotations

import asyncio
import threading
import time
from abc import ABC, abstractmethod
from types import TracebackType
from typing import ClassVar, Self

from chaos.cameras.film import Codec, Film, Unit
from chaos.cameras.options import CameraOptions
from chaos.cameras.threaded_server import ThreadedServer
from chaos.cameras.viewer import Shot, Viewer

__all__ = ["Camera"]

_LIMIT_S = 10.0


class Camera(ABC):
    """A camera; a context manager that is on from entering to leaving.

    Args:
        options: What it sends, and to whom.

    Attributes:
        size: Columns and rows of its pictures.
        plays: When viewers began to watch, by `time.monotonic`.
        keyframes: The keyframes' numbers, and when they were taken.
    """

    codec: ClassVar[Codec]
    scheme: ClassVar[str]

    def __init__(self, options: CameraOptions | None = None) -> None:
        self.options = options or CameraOptions()
        self.size = (self.options.width, self.options.height)
        self.plays: list[float] = []
        self.keyframes: list[tuple[int, float]] = []
        self._taken_s: list[float] = []
        self._film: Film | None = None
        self._silent = False
        self._to_drop = 0
        self._jump_s = 0.0
        self._viewers: list[Viewer] = []
        self._changed = threading.Condition()
        self._server = ThreadedServer(self.options.host, self.options.port, self._attend, self._shutter)

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self._server.port

    @property
    def address(self) -> str:
        """The stream's address, with user and password if it asks for them."""
        options = self.options
        login = "" if options.user is None else f"{options.user}:{options.password}@"
        return f"{self.scheme}://{login}{options.host}:{self.port}{options.path}"

    @property
    def number(self) -> int:
        """The last picture's number."""
        return self.options.first + len(self._taken_s) - 1

    @property
    def viewers(self) -> int:
        """How many clients watch."""
        return len(self._viewers)

    @property
    def skipped(self) -> int:
        """Pictures that present viewers did not take in time."""
        return sum(viewer.skipped for viewer in self._viewers)

    def taken_s(self, number: int) -> float:
        """When a picture was taken, by `time.monotonic`.

        Raises:
            ValueError: There is no such picture yet.
        """
        place = number - self.options.first
        if not 0 <= place < len(self._taken_s):
            raise ValueError(f"there is no picture {number}; expected {self.options.first} to {self.number}")
        return self._taken_s[place]

    def wait_for_viewers(self, count: int = 1, *, limit_s: float = _LIMIT_S) -> None:
        """Wait until at least `count` clients watch.

        Raises:
            TimeoutError: They did not come in time.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: len(self._viewers) >= count, limit_s):
                raise TimeoutError(f"{self.viewers} clients watch after {limit_s:g} s, expected {count}")

    def wait_for_nobody(self, *, limit_s: float = _LIMIT_S) -> None:
        """Wait until no client watches.

        Raises:
            TimeoutError: They did not leave in time.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: not self._viewers, limit_s):
                raise TimeoutError(f"{self.viewers} clients still watch after {limit_s:g} s")

    # Faults.

    def silence(self) -> None:
        """Send nothing any more; connections stay open, and requests are answered."""
        self._server.do(lambda: setattr(self, "_silent", True))

    def speak(self) -> None:
        """Send again, from a keyframe on."""

        def speak() -> None:
            self._load()
            self._silent = False

        self._server.do(speak)

    def hang_up(self, *, reset: bool = False) -> None:
        """Close all connections; new ones are accepted.

        Args:
            reset: Whether by RST, as a crashed machine does.
        """
        self._server.hang_up(reset=reset)

    def refuse(self) -> None:
        """Refuse new connections."""
        self._server.refuse()

    def accept(self) -> None:
        """Accept connections again, on the same port."""
        self._server.accept()

    def power_off(self) -> None:
        """Refuse connections, reset those that are open, and take no pictures; their numbers go on."""
        self._server.refuse()
        self._server.hang_up(reset=True)
        self._server.do(lambda: setattr(self, "_film", None))

    def power_on(self) -> None:
        """Take pictures from a keyframe on, and accept connections again."""
        self._server.do(self._load)
        self._server.accept()

    def resize(self, width: int, height: int) -> None:
        """Take pictures of another size, from a keyframe on."""

        def resize() -> None:
            self.size = (width, height)
            if self._film is not None:
                self._load()

        self._server.do(resize)

    def jump(self, seconds: float) -> None:
        """Let all further timestamps be later, or earlier, by this."""
        self._server.do(lambda: setattr(self, "_jump_s", self._jump_s + seconds))

    def drop(self, pictures: int = 1) -> None:
        """Never send the next pictures, though others depend on them."""
        self._server.do(lambda: setattr(self, "_to_drop", pictures))

    def end(self) -> None:
        """End the stream properly for all who watch."""

        def end() -> None:
            for viewer in list(self._viewers):
                viewer.farewell()
                self._leaves(viewer)

        self._server.do(end)

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.stop()

    # On the server's thread.

    @abstractmethod
    async def attend(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Talk with a client until it is gone; OSError and IncompleteReadError end that."""

    def joins(self, viewer: Viewer) -> None:
        """A client begins to watch; it watches until `attend` ends."""
        with self._changed:
            self.plays.append(time.monotonic())
            self._viewers.append(viewer)
            self._changed.notify_all()

    def _leaves(self, viewer: Viewer) -> None:
        with self._changed:
            if viewer in self._viewers:
                self._viewers.remove(viewer)
            self._changed.notify_all()

    async def _attend(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self.attend(reader, writer)
        finally:
            for viewer in [one for one in self._viewers if one.writer is writer]:
                self._leaves(viewer)

    def _load(self) -> None:
        """Begin a film, and with it a keyframe."""
        options = self.options
        for unit in [] if self._film is None else self._film.rest():
            self._show(unit)
        self._film = Film(
            *self.size,
            codec=self.codec,
            rate_hz=options.rate_hz,
            keyframe_every=options.keyframe_every,
            b_frames=options.b_frames,
            first=self.number + 1,
            draws=options.first if options.repeat_every else None,
        )

    async def _shutter(self) -> None:
        self._load()
        began_s, period_s = time.monotonic(), 1 / self.options.rate_hz
        while True:
            if self._film is not None and self._film.pictures == self.options.repeat_every > 0:
                self._load()
            self._taken_s.append(time.monotonic())
            for unit in [] if self._film is None else self._film.shoot():
                self._show(unit)
            await asyncio.sleep(max(0.0, began_s + len(self._taken_s) * period_s - time.monotonic()))

    def _show(self, unit: Unit) -> None:
        taken_s = self.taken_s(unit.number)
        if self._silent:
            return
        if self._to_drop:
            self._to_drop -= 1
            return
        if unit.is_keyframe:
            self.keyframes.append((unit.number, taken_s))
        shot = Shot(unit, unit.number / self.options.rate_hz + self._jump_s, taken_s)
        for viewer in self._viewers:
            viewer.offer(shot)
