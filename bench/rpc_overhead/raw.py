"""A plain TCP socket that carries as many bytes as a call, and does nothing with them."""

import contextlib
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

ANSWER_BYTES = 1024

# One round trip.
Turn = Callable[[], Awaitable[Any]]


def serve_raw(host: str) -> int:
    """Answers until the process ends; returns the port."""
    listener = socket.create_server((host, 0))
    threading.Thread(target=_answer, args=(listener,), daemon=True).start()
    return int(listener.getsockname()[1])


def _answer(listener: socket.socket) -> None:
    """Takes connections, one after the other: the size of a message, then messages and answers."""
    answer = bytes(ANSWER_BYTES)
    while True:
        connection, _ = listener.accept()
        with connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            message = memoryview(bytearray(int.from_bytes(connection.recv(8, socket.MSG_WAITALL), "little")))
            while _receive(connection, message):
                connection.sendall(answer)


def _receive(connection: socket.socket, into: memoryview) -> bool:
    got = 0
    while got < len(into):
        count = connection.recv_into(into[got:])
        if not count:
            return False
        got += count
    return True


@contextlib.contextmanager
def raw_turns(address: str, size_bytes: int) -> Iterator[Turn]:
    message, answer = bytes(size_bytes), memoryview(bytearray(ANSWER_BYTES))
    host, _, port = address.rpartition(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(size_bytes.to_bytes(8, "little"))

        async def turn() -> None:
            connection.sendall(message)
            _receive(connection, answer)

        yield turn
