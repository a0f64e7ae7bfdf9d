"""The cloud over gRPC: channel, calls and the one place where gRPC's exceptions become ours.

Channel options (measured, see docs/decisions): message limits of the wire contract; reconnect back-off capped at one
second, so that a restarted cloud is found again at once; gRPC's bandwidth-delay probe stays on (without it 4 MB at
1 Gbit/s and 50 ms take three times as long).
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, NoReturn

import grpc
import numpy as np
import numpy.typing as npt
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_status import rpc_status

from edge_service.cloud import Answer, Beat, CloudProfile, FrameToSend, ProbeReading, Refusal, StreamEvent
from edge_service.errors import CloudError, CloudRefusedError, CloudSilentError, CloudUnreachableError, WrongTwinError
from protos import decode_tensor, encode_tensor, limits, split_pb2, split_pb2_grpc

__all__ = ["GrpcCloud"]

_OPTIONS = (
    ("grpc.max_send_message_length", limits.MAX_MESSAGE_BYTES),
    ("grpc.max_receive_message_length", limits.MAX_MESSAGE_BYTES),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 500),
    ("grpc.max_reconnect_backoff_ms", 1000),
    ("grpc.use_local_subchannel_pool", 1),
)
# Few enough chunks that sending them keeps up with a fast link on a busy machine, enough to time the second half.
_PROBE_CHUNKS, _LEAST_CHUNK_BYTES = 48, 4096
_LOST = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED)


class GrpcCloud:
    """A cloud service at an address.

    Args:
        address: "host:port".
        model: the name under which the cloud serves the model.
        digest: the edge's digest of it; the cloud refuses another.
        layers: the edge's layer names in graph order, to which the cloud's profile must fit.
    """

    def __init__(self, address: str, *, model: str, digest: str, layers: Sequence[str]) -> None:
        self.address = address
        self._model = model
        self._digest = digest
        self._layers = tuple(layers)
        self._channel: grpc.aio.Channel | None = None

    async def profile(self, timeout_s: float) -> CloudProfile:
        """Asks for the model's profile (`GetProfile`)."""
        request = split_pb2.GetProfileRequest(model=self._model, digest=self._digest)
        try:
            answer = await self._service().GetProfile(request, timeout=timeout_s)
        except grpc.aio.AioRpcError as error:
            self._translate(error)
        if tuple(answer.layers) != self._layers:
            raise WrongTwinError(
                f"the cloud at {self.address} lists other layers for {self._model} under the same digest; "
                "run the same versions of dads and torch on both sides"
            )
        layer_s = tuple(answer.layer_s)
        if len(layer_s) != len(self._layers) or not all(0.0 <= seconds < math.inf for seconds in layer_s):
            raise CloudRefusedError(
                f"the profile of the cloud at {self.address} makes no sense: expected {len(self._layers)} finite times",
                reason="BAD_PROFILE",
            )
        return CloudProfile(layer_s, max(1.0, answer.load_factor))

    async def ping(self, timeout_s: float) -> float:
        """Times a health check, the smallest call there is."""
        stub = health_pb2_grpc.HealthStub(self._connected())
        began_s = time.perf_counter()
        try:
            await stub.Check(health_pb2.HealthCheckRequest(), timeout=timeout_s)
        except grpc.aio.AioRpcError as error:
            self._translate(error)
        return time.perf_counter() - began_s

    async def probe(self, size: int, timeout_s: float) -> ProbeReading:
        """Sends filler (`Probe`) and reads the receiver's clock over the second half of the arrivals."""

        async def filler() -> AsyncIterator[split_pb2.ProbeRequest]:
            chunk_bytes = min(max(size // _PROBE_CHUNKS, _LEAST_CHUNK_BYTES), size)
            chunk = split_pb2.ProbeRequest(filler=bytes(chunk_bytes))
            for _ in range(-(-size // chunk_bytes)):
                yield chunk

        try:
            answer = await self._service().Probe(filler(), timeout=timeout_s)
        except grpc.aio.AioRpcError as error:
            self._translate(error)
        return ProbeReading(answer.second_half_bytes, answer.second_half_s)

    def encode(
        self,
        frame_id: int,
        tensors: Mapping[str, Sequence[tuple[npt.NDArray[np.generic], str]]],
        outputs: Sequence[str],
    ) -> FrameToSend:
        """Encodes a `RunTailRequest`."""
        message = split_pb2.RunTailRequest(
            model=self._model,
            digest=self._digest,
            frame_id=frame_id,
            tensors=[
                encode_tensor(layer, array, index=index, dtype=dtype)
                for layer, value in tensors.items()
                for index, (array, dtype) in enumerate(value)
            ],
            outputs=outputs,
        )
        return FrameToSend(frame_id, message, message.ByteSize())

    def open_tails(self) -> GrpcTails:
        """Opens a `StreamTails` stream."""
        return GrpcTails(self._service().StreamTails(), self._translate)

    async def close(self) -> None:
        """Closes the channel."""
        if self._channel is not None:
            await self._channel.close(grace=None)
            self._channel = None

    def _connected(self) -> grpc.aio.Channel:
        if self._channel is None:
            self._channel = grpc.aio.insecure_channel(self.address, options=_OPTIONS)
        return self._channel

    def _service(self) -> Any:  # noqa: ANN401 - the aio stub's generated annotation is only visible to type checkers
        return split_pb2_grpc.SplitInferenceStub(self._connected())

    def _translate(self, error: grpc.aio.AioRpcError) -> NoReturn:
        status = rpc_status.from_call(error)  # type: ignore[arg-type] # has all that it reads
        if status is None and error.code() in _LOST:
            message = f"no answer from the cloud at {self.address}: {error.code().name}: {error.details()}"
            late = error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
            raise (CloudSilentError if late else CloudUnreachableError)(message) from error
        if status is None:
            status = status_pb2.Status(code=error.code().value[0], message=error.details() or "")
        raise _refused(status, error.code().name) from error


class GrpcTails:
    """One `StreamTails` call."""

    def __init__(self, call: Any, translate: Any) -> None:  # noqa: ANN401 - gRPC's call objects are not annotated
        self._call = call
        self._translate = translate

    async def send(self, frame: FrameToSend, timeout_s: float) -> None:
        """Writes one request; returns when the transport has taken it."""
        request = split_pb2.StreamTailsRequest(request=frame.message, timeout_s=timeout_s)  # type: ignore[arg-type] # made by encode()
        try:
            await self._call.write(request)
        except grpc.aio.AioRpcError as error:
            self._translate(error)
        except asyncio.InvalidStateError as error:  # what aio raises on a call that is over
            raise CloudUnreachableError("the stream to the cloud is closed") from error
        except asyncio.CancelledError as error:
            self._cancelled(error)

    async def events(self) -> AsyncIterator[StreamEvent]:
        """Yields answers, refusals and heartbeats."""
        try:
            async for response in self._call:
                match response.WhichOneof("event"):
                    case "result":
                        yield _answer(response.result)
                    case "error":
                        status = status_pb2.Status.FromString(response.error.status)
                        yield Refusal(response.error.frame_id, _refused(status, "error"))
                    case "heartbeat":
                        yield Beat(max(1.0, response.heartbeat.load_factor))
        except grpc.aio.AioRpcError as error:
            self._translate(error)
        except asyncio.CancelledError as error:
            self._cancelled(error)
        raise CloudUnreachableError("the cloud ended the stream")

    def _cancelled(self, error: asyncio.CancelledError) -> NoReturn:
        """Tells the stream's own cancellation, for which aio raises the same exception, from that of our task.

        Only the task knows: a call that is cancelled in the middle of a write says that it ended with INTERNAL.
        """
        task = asyncio.current_task()
        if task is None or not task.cancelling():
            raise CloudUnreachableError("the stream to the cloud was cancelled") from error
        raise error

    def cancel(self) -> None:
        """Cancels the call."""
        self._call.cancel()


def _answer(result: split_pb2.RunTailResponse) -> Answer:
    return Answer(
        frame_id=result.frame_id,
        outputs={tensor.name: decode_tensor(tensor) for tensor in result.outputs},
        size=result.ByteSize(),
        server_s=result.timing.total_s,
        queue_s=result.timing.queue_s,
        compute_s=result.timing.compute_s,
        load_factor=max(1.0, result.load_factor),
    )


def _refused(status: status_pb2.Status, fallback_reason: str) -> CloudError:
    info, retry = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
    reason, retry_after_s = fallback_reason, None
    for detail in status.details:
        if detail.Is(info.DESCRIPTOR) and detail.Unpack(info):
            reason = info.reason
        elif detail.Is(retry.DESCRIPTOR) and detail.Unpack(retry):
            retry_after_s = retry.retry_delay.ToTimedelta().total_seconds()
    if reason == "DIGEST_MISMATCH":
        return WrongTwinError(status.message)
    return CloudRefusedError(
        f"the cloud refused ({reason}): {status.message}", reason=reason, retry_after_s=retry_after_s
    )
