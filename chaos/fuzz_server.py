"""A client that sends raw bytes to a live server, without a serialiser."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from typing import Any

import grpc
import grpc.aio
from google.rpc import status_pb2

from split_wire import split_pb2
from split_wire.transport import SERVICE

__all__ = ["BAD_CODES", "HungError", "Target"]

BAD_CODES = frozenset({"UNKNOWN", "INTERNAL"})
"""Statuses that mean a defect of the server."""

_LIMIT_S = 30.0
_AT_ONCE = 8  # fewer than the server's queue holds, so that it refuses none as overloaded
_OPTIONS = (("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1))


class HungError(Exception):
    """A call has not ended in time."""


class Target:
    """The three methods with requests to fuzz; a context manager.

    Args:
        address: The server's.
    """

    def __init__(self, address: str) -> None:
        self._channel = grpc.aio.insecure_channel(address, options=_OPTIONS)
        self._run_tail = self._channel.unary_unary(f"/{SERVICE}/RunTail", None, None)
        self._stream = self._channel.stream_stream(f"/{SERVICE}/StreamTails", None, None)
        self._probe = self._channel.stream_unary(f"/{SERVICE}/Probe", None, None)

    async def __aenter__(self) -> Target:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._channel.close(None)

    async def send(self, method: str, messages: Sequence[bytes]) -> Counter[str]:
        """Send messages; returns the count of each status, with one status for each message of a stream.

        Raises:
            HungError: A message was not answered in time.
        """
        calls = {"RunTail": self._each, "StreamTails": self._streamed, "Probe": self._probed}
        try:
            async with asyncio.timeout(_LIMIT_S):
                return await calls[method](messages)
        except TimeoutError as error:
            raise HungError(f"{method} has not ended within {_LIMIT_S:g} s") from error

    async def _each(self, messages: Sequence[bytes]) -> Counter[str]:
        async def one(message: bytes) -> str:
            return await _code(self._run_tail(message))

        found: Counter[str] = Counter()
        for begin in range(0, len(messages), _AT_ONCE):
            found.update(await asyncio.gather(*map(one, messages[begin : begin + _AT_ONCE])))
        return found

    async def _streamed(self, messages: Sequence[bytes]) -> Counter[str]:
        found: Counter[str] = Counter()
        call = self._stream(_given(messages))
        try:
            async for answer in call:
                event = split_pb2.StreamTailsResponse.FromString(answer)
                kind = event.WhichOneof("event")
                if kind == "error":
                    number = status_pb2.Status.FromString(event.error.status).code
                    found[_NAMES.get(number, "UNKNOWN")] += 1
                elif kind == "result":
                    found["OK"] += 1
        except grpc.aio.AioRpcError as error:
            found[error.code().name] += 1
        if found.total() < len(messages):
            raise HungError(f"{found.total()} answers to {len(messages)} messages of a stream: {dict(found)}")
        return found

    async def _probed(self, messages: Sequence[bytes]) -> Counter[str]:
        # The first unreadable message ends a probe, so each message has a call of its own.
        found: Counter[str] = Counter()
        for message in messages:
            found[await _code(self._probe(_given([message])))] += 1
        return found


_NAMES = {code.value[0]: code.name for code in grpc.StatusCode}


async def _code(call: Any) -> str:  # noqa: ANN401 - gRPC's call objects are not annotated
    try:
        await call
    except grpc.aio.AioRpcError as error:
        return error.code().name
    return "OK"


async def _given(messages: Sequence[bytes]) -> AsyncIterator[bytes]:
    for message in messages:
        yield message
