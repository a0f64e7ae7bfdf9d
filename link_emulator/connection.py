"""A relayed connection: two ends, each of which reads its socket only as fast as its direction takes the bytes."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import socket
import struct
import termios
from collections.abc import Callable
from functools import partial
from typing import cast

from link_emulator.backlog import Backlog
from link_emulator.direction import Direction

# A FIN or RST is sent as the headers of an empty segment, so that it too waits on a stalled link.
_EMPTY_SEGMENT_BYTES = 40
_READ_BYTES = 64 * 1024
_WRITE_HIGH_WATER_BYTES = 64 * 1024
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER: on, 0 s


class RelayedEnd(asyncio.BufferedProtocol):
    """One end of a relayed connection: sends the bytes that its socket receives over `direction` to `peer`.

    Args:
        direction: The link's direction from this end to the peer.
        count: Called with the number of bytes written to this end's socket.

    Attributes:
        peer: The other end; set before either is connected.
        writable: Whether the socket accepts bytes; the peer stops reading while it does not.
        closed: Done when the socket is closed.
    """

    peer: RelayedEnd

    def __init__(self, direction: Direction, count: Callable[[int], None]) -> None:
        self.writable = False
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._direction = direction
        self._count = count
        self._loop = asyncio.get_running_loop()
        self._backlog = Backlog()
        self._buffer = memoryview(bytearray(_READ_BYTES))
        self._transport: asyncio.Transport | None = None
        self._receives = True
        self._ended = False  # the peer's FIN was passed on to our socket
        self._waits_for_room = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start to relay, once the peer is connected too."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=_WRITE_HIGH_WATER_BYTES)
        self.writable = True
        self.gate()
        self.peer.gate()
        if self.peer.closed.done():
            self.reset()

    def get_buffer(self, sizehint: int) -> memoryview:
        """Return room for one chunk; the rest stays in the kernel, so that TCP slows the sender."""
        del sizehint
        return self._buffer[: self._direction.chunk_bytes()]

    def buffer_updated(self, nbytes: int) -> None:
        """Send the received bytes over the link."""
        arrival_s = self._backlog.read(nbytes, self._loop.time())
        self._direction.send(nbytes, partial(self.peer.write, bytes(self._buffer[:nbytes])), arrival_s=arrival_s)
        self.gate()

    def eof_received(self) -> bool:
        """Pass the FIN on after the bytes; the other direction stays open."""
        self._receives = False
        self._direction.send(_EMPTY_SEGMENT_BYTES, self.peer.end, arrival_s=self._loop.time())
        self._close_when_done()
        return True

    def pause_writing(self) -> None:
        """Stop the peer's reading, because this socket's reader is slow."""
        self.writable = False
        self.peer.gate()

    def resume_writing(self) -> None:
        """Resume the peer's reading."""
        self.writable = True
        self.peer.gate()

    def connection_lost(self, exc: Exception | None) -> None:
        """Pass the loss on as a reset, unless both directions had ended."""
        del exc
        self.writable = False
        done = not self._receives and self._ended
        self._receives = False
        self.closed.set_result(None)
        if not done and not self.peer.closed.done():
            self._direction.send(_EMPTY_SEGMENT_BYTES, self.peer.reset, arrival_s=self._loop.time())

    def gate(self) -> None:
        """Read from the socket exactly while the direction has room and the peer accepts bytes."""
        if self._transport is None or self._transport.is_closing() or not self._receives:
            return
        self._backlog.saw(_readable_bytes(self._transport.get_extra_info("socket")), self._loop.time())
        room = self._direction.has_room()
        if room and self.peer.writable:
            self._transport.resume_reading()
            return
        self._transport.pause_reading()
        if not room and not self._waits_for_room:
            self._waits_for_room = True
            self._direction.call_when_room(self._room)

    def write(self, data: bytes) -> None:
        """Write bytes that have crossed the link to the socket."""
        if self._transport is not None and not self._transport.is_closing():
            self._count(len(data))
            self._transport.write(data)

    def end(self) -> None:
        """Pass the peer's FIN on to the socket."""
        if self._transport is not None and not self._transport.is_closing():
            self._ended = True
            # The socket may be closed already, before its transport has noticed.
            with contextlib.suppress(OSError):
                self._transport.write_eof()
            self._close_when_done()

    def reset(self) -> None:
        """Close at once with an RST."""
        if self._transport is not None and not self.closed.done():
            reset_on_close(self._transport.get_extra_info("socket"))
            self._transport.abort()

    def _room(self) -> None:
        self._waits_for_room = False
        self.gate()

    def _close_when_done(self) -> None:
        if self._transport is not None and not self._receives and self._ended:
            self._transport.close()


def _readable_bytes(sock: socket.socket) -> int:
    (size_bytes,) = struct.unpack("i", fcntl.ioctl(sock.fileno(), termios.FIONREAD, struct.pack("i", 0)))
    return int(size_bytes)


def reset_on_close(sock: socket.socket) -> None:
    """Make the socket's close send an RST instead of a FIN."""
    with contextlib.suppress(OSError):  # the other side may have closed it already
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
