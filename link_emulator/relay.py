"""The relay: accepts connections, connects each to the target, and passes bytes over the link's two directions."""

from __future__ import annotations

import asyncio
import socket
from types import TracebackType
from typing import Self

from link_emulator.connection import RelayedEnd, reset_on_close
from link_emulator.direction import Direction
from link_emulator.errors import AddressError
from link_emulator.shaper import DelayLine
from link_emulator.trace import Trace

# Small, so that the sender is slowed by the link and not by filling a buffer. Linux doubles the value.
_RECEIVE_BUFFER_BYTES = 32 * 1024
_SEND_BUFFER_BYTES = 256 * 1024
# Ethernet's segments. Two of loopback's, of 64 KiB, do not fit into the receive buffer, which stalls connections.
_SEGMENT_BYTES = 1448
_BACKLOG = 128


class LinkEmulator:
    """A link between the clients that connect to `address` and the target, while the context is open.

    All connections share the link: its rate is divided among those that send.

    Args:
        target: `host:port` of the service.
        uplink: Rate from the clients to the target; its clock starts when the context is entered.
        downlink: Rate from the target to the clients.
        delay_s: One-way propagation delay in seconds, added in each direction.
        jitter_s: The largest random addition to the delay in seconds, drawn for each chunk; the order is kept.
        listen: `host:port` to accept connections on; port 0 chooses a free one.
        seed: Seed of the jitter.

    Raises:
        AddressError: `target` or `listen` is not `host:port`.
        ValueError: `delay_s` or `jitter_s` is negative or infinite.
        OSError: On entering: the address cannot be listened on.
        RuntimeError: The link is changed before the context is entered.
    """

    def __init__(
        self,
        target: str,
        *,
        uplink: Trace,
        downlink: Trace,
        delay_s: float = 0.0,
        jitter_s: float = 0.0,
        listen: str = "127.0.0.1:0",
        seed: int = 0,
    ) -> None:
        self._target = _parse_address(target)
        self._listen = _parse_address(listen)
        self._traces = (uplink, downlink)
        self._delay_lines = (DelayLine(delay_s, jitter_s, 2 * seed), DelayLine(delay_s, jitter_s, 2 * seed + 1))
        self._directions: tuple[Direction, Direction] | None = None
        self._bytes_up = 0
        self._bytes_down = 0
        self._listener: socket.socket | None = None
        self._ends: set[RelayedEnd] = set()
        self._opening: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._start_listening()
        self._directions = (
            Direction(self._traces[0], self._delay_lines[0], self._loop),
            Direction(self._traces[1], self._delay_lines[1], self._loop),
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stop_listening()
        for task in self._opening:
            task.cancel()
        await asyncio.gather(*self._opening, return_exceptions=True)
        ends = tuple(self._ends)
        self.reset_connections()
        await asyncio.gather(*(end.closed for end in ends))
        self._uplink.close()
        self._downlink.close()

    @property
    def address(self) -> str:
        """The `host:port` to connect to."""
        host, port = self._listen
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    @property
    def bytes_up(self) -> int:
        """Bytes passed on to the target so far."""
        return self._bytes_up

    @property
    def bytes_down(self) -> int:
        """Bytes passed on to the clients so far."""
        return self._bytes_down

    def set_uplink(self, trace: Trace) -> None:
        """Change the uplink's rate at once; the new trace starts at 0 now."""
        self._uplink.set_trace(trace)

    def set_downlink(self, trace: Trace) -> None:
        """Change the downlink's rate at once; the new trace starts at 0 now."""
        self._downlink.set_trace(trace)

    def restart(self) -> None:
        """Start the clock of both traces at 0 now."""
        self._uplink.restart()
        self._downlink.restart()

    def set_delay(self, delay_s: float, jitter_s: float = 0.0) -> None:
        """Change the propagation delay and the jitter of both directions, for bytes that leave from now on.

        Raises:
            ValueError: One is negative or infinite.
        """
        for line in self._delay_lines:
            line.set_delay(delay_s, jitter_s)

    def cut(self, *, uplink: bool = True, downlink: bool = True) -> None:
        """Make the link a black hole: bytes stall, and connections stay open.

        Args:
            uplink: Whether to stall the direction to the target.
            downlink: Whether to stall the direction to the clients; alone, this makes connections half-open.
        """
        if uplink:
            self._uplink.cut()
        if downlink:
            self._downlink.cut()

    def restore(self) -> None:
        """Undo `cut`: stalled bytes continue."""
        self._uplink.restore()
        self._downlink.restore()

    def reset_connections(self) -> None:
        """Close every connection at once with an RST on both sides; new connections are accepted."""
        for end in tuple(self._ends):
            end.reset()

    def refuse(self, refuse: bool) -> None:
        """Refuse new connections, or accept them again on the same address; open connections stay.

        Raises:
            OSError: Another process has taken the address in the meantime.
        """
        if refuse:
            self._stop_listening()
        elif self._listener is None:
            self._open_directions()
            self._start_listening()

    @property
    def _uplink(self) -> Direction:
        return self._open_directions()[0]

    @property
    def _downlink(self) -> Direction:
        return self._open_directions()[1]

    def _open_directions(self) -> tuple[Direction, Direction]:
        if self._directions is None:
            raise RuntimeError("the link emulator is not open; use it as `async with LinkEmulator(...) as link:`")
        return self._directions

    def _start_listening(self) -> None:
        host, port = self._listen
        listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        try:
            listener.setblocking(False)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            _shape_socket(listener)  # accepted sockets inherit it
            listener.bind((host, port))
            listener.listen(_BACKLOG)
        except BaseException:
            listener.close()
            raise
        self._listen = (host, listener.getsockname()[1])
        self._listener = listener
        self._loop.add_reader(listener, self._accept, listener)

    def _stop_listening(self) -> None:
        if self._listener is not None:
            self._loop.remove_reader(self._listener)
            self._listener.close()
            self._listener = None

    def _accept(self, listener: socket.socket) -> None:
        try:
            accepted, _ = listener.accept()
        except OSError:  # the client has closed, or no file descriptor is free; the relay continues
            return
        accepted.setblocking(False)
        task = self._loop.create_task(self._open(accepted))
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    async def _open(self, accepted: socket.socket) -> None:
        """Connect an accepted client to the target, or reset it if the target cannot be reached."""
        near, far = RelayedEnd(self._uplink, self._count_down), RelayedEnd(self._downlink, self._count_up)
        near.peer, far.peer = far, near
        try:
            await self._adopt(far, await self._connect())
            await self._adopt(near, accepted)
        except BaseException as error:
            reset_on_close(accepted)
            accepted.close()
            far.reset()
            if not isinstance(error, OSError):
                raise

    async def _adopt(self, end: RelayedEnd, sock: socket.socket) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._ends.add(end)
        end.closed.add_done_callback(lambda _: self._ends.discard(end))
        await self._loop.connect_accepted_socket(lambda: end, sock)

    async def _connect(self) -> socket.socket:
        host, port = self._target
        problem: OSError | None = None
        for family, kind, protocol, _, address in await self._loop.getaddrinfo(host, port, type=socket.SOCK_STREAM):
            sock = socket.socket(family, kind, protocol)
            try:
                sock.setblocking(False)
                _shape_socket(sock)
                await self._loop.sock_connect(sock, address)
            except OSError as error:
                sock.close()
                problem = error
            except BaseException:
                sock.close()
                raise
            else:
                return sock
        raise problem or OSError(f"{host} has no address")

    def _count_up(self, size_bytes: int) -> None:
        self._bytes_up += size_bytes

    def _count_down(self, size_bytes: int) -> None:
        self._bytes_down += size_bytes


def _shape_socket(sock: socket.socket) -> None:
    """Set small buffers and Ethernet's segment size, which must be done before the connection is made."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER_BYTES)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, _SEGMENT_BYTES)


def _parse_address(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    if not colon or not host or not port.isdecimal() or int(port) > 65535 or (":" in host and not bracketed):
        raise AddressError(f"expected host:port, such as 127.0.0.1:50051 or [::1]:50051, not {text!r}")
    return host.strip("[]"), int(port)
