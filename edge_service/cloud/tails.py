"""One stream of frames over gRPC: requests go out, and answers, announcements, refusals and heartbeats come back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, NoReturn

import grpc

from edge_service.cloud.seam import Announcement, Answer, Beat, FrameToSend, Refusal, StreamEvent
from edge_service.cloud.statuses import frame_error
from edge_service.errors import CloudRefusedError, CloudUnreachableError
from split_wire import CodecError, decode_tensor, split_pb2
from split_wire.frames import Malformed, TailResponse, TimedRequest, WrittenRequest
from split_wire.limits import HEARTBEAT_INTERVAL_S, MAX_NAME_BYTES

__all__ = ["GrpcTails", "bounded"]


class GrpcTails:
    """One `StreamTails` call.

    Args:
        call: the call, just begun.
        translate: raises our error for one of gRPC's.
    """

    def __init__(self, call: Any, translate: Callable[[grpc.aio.AioRpcError], NoReturn]) -> None:  # noqa: ANN401 - gRPC's call objects are not annotated
        self._call = call
        self._translate = translate

    async def send(self, frame: FrameToSend, timeout_s: float) -> None:
        """Writes one request; returns when the transport has accepted it."""
        if not isinstance(frame.message, WrittenRequest):
            raise TypeError("expected a frame that this cloud's encode() made")
        try:
            await self._call.write(TimedRequest(frame.message, timeout_s))
        except grpc.aio.AioRpcError as error:
            self._translate(error)
        except asyncio.InvalidStateError as error:  # what aio raises on a call that is over
            raise CloudUnreachableError("the stream to the cloud is closed") from error
        except asyncio.CancelledError as error:
            if _is_ours():
                raise
            raise CloudUnreachableError("the stream to the cloud was cancelled") from error

    async def events(self) -> AsyncIterator[StreamEvent]:
        """Yields answers, refusals and heartbeats."""
        try:
            async for event in self._call:
                match event:
                    case TailResponse():
                        yield _answer(event)
                    case split_pb2.FrameError():
                        yield Refusal(event.frame_id, frame_error(event.status), bounded(event.replica))
                    case split_pb2.Announcement():
                        yield Announcement(event.frame_id, event.bytes, event.timing.total_s)
                    case split_pb2.Heartbeat():
                        yield _beat(event)
                    case Malformed():
                        yield _unreadable(event)
        except grpc.aio.AioRpcError as error:
            self._translate(error)
        except asyncio.CancelledError as error:
            if _is_ours():
                raise
            raise CloudUnreachableError("the stream to the cloud was cancelled") from error
        raise CloudUnreachableError("the cloud ended the stream")

    def cancel(self) -> None:
        """Cancels the call."""
        self._call.cancel()


def _is_ours() -> bool:
    """Whether a cancellation is that of our task, and not of the stream.

    aio raises the same exception for both. Only the task can tell them apart: a call that is cancelled during a write
    reports INTERNAL. The exception itself is kept out of here: in a frame of its own traceback it would keep the call,
    and so the TCP connection of a channel that was closed, until the next collection of garbage.
    """
    task = asyncio.current_task()
    return task is not None and bool(task.cancelling())


def bounded(replica: str) -> str:
    """A replica's name, no longer than the contract allows: it is kept."""
    return replica[:MAX_NAME_BYTES]


def _beat(beat: split_pb2.Heartbeat) -> Beat:
    return Beat(max(1.0, beat.load_factor), bounded(beat.replica), beat.next_s or HEARTBEAT_INTERVAL_S)


def _answer(result: TailResponse) -> Answer | Refusal:
    try:
        outputs = {tensor.name: decode_tensor(tensor) for tensor in result.outputs}
    except CodecError as error:
        return Refusal(result.frame_id, CloudRefusedError(f"the cloud's answer is wrong: {error}", reason="BAD_ANSWER"))
    return Answer(
        frame_id=result.frame_id,
        outputs=outputs,
        size=result.size,
        server_s=result.timing.total_s,
        queue_s=result.timing.queue_s + result.timing.prepare_s,
        decode_s=result.timing.decode_s,
        compute_s=result.timing.compute_s,
        load_factor=max(1.0, result.load_factor),
        replica=bounded(result.replica),
    )


def _unreadable(answer: Malformed) -> Refusal:
    error = CloudRefusedError(f"the cloud's answer is wrong: {answer.reason}", reason="BAD_ANSWER")
    if answer.frame_id is None:
        raise error  # the frame it belongs to is unknown, so the stream ends
    return Refusal(answer.frame_id, error)
