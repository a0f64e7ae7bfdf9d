"""The cloud over gRPC: channel and calls. Here gRPC's exceptions are translated into ours, those of `tails` too.

Channel options (measured, see docs/decisions):

* message limits of the wire contract;
* reconnect backoff of at most 0.25 s, so that the next call finds a restarted cloud, not only the one after it;
* an attempt to connect may take 2 s, for links with long round trips, and no longer, because a new attempt sends its
  SYN sooner than TCP repeats the old one's;
* loopback never goes through a proxy of the environment;
* gRPC's bandwidth-delay probe stays on (without it 4 MB at 1 Gbit/s and 50 ms take three times as long).
"""

from __future__ import annotations

import math
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NoReturn

import grpc
import numpy as np
import numpy.typing as npt
from google.rpc import status_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc

from edge_service.cloud.seam import (
    ALL_RAW,
    CloudProfile,
    FrameToSend,
    ProbeReading,
)
from edge_service.cloud.statuses import is_lost, refused, status_of
from edge_service.cloud.tails import GrpcTails, bounded
from edge_service.errors import (
    CloudRefusedError,
    CloudSilentError,
    CloudUnreachableError,
    CloudUntrustedError,
    WrongTwinError,
)
from split_wire import EncodedTensor, Encoding, encode_tensor, limits, split_pb2, split_pb2_grpc
from split_wire.access import (
    PLAIN,
    ClientAccess,
    Identity,
    Metadata,
    advice,
    channel_credentials,
    proxy_options,
    suspicion,
    through_proxy,
)
from split_wire.encodings import of_wire
from split_wire.errors import AccessError
from split_wire.frames import TailRequest, write_stream_request
from split_wire.packets import PacketsToSend, packets_tensor
from split_wire.probe_timer import ProbeTimer, chunk_bytes
from split_wire.transport import EDGE_KEY, LONGEST_BEAT_KEY, edge_name, stream_tails

__all__ = ["GrpcCloud"]

OPTIONS = (
    ("grpc.max_send_message_length", limits.MAX_MESSAGE_BYTES),
    ("grpc.max_receive_message_length", limits.MAX_MESSAGE_BYTES),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 2000),  # despite its name, the timeout of an attempt
    ("grpc.max_reconnect_backoff_ms", 250),
    ("grpc.use_local_subchannel_pool", 1),
)


class GrpcCloud:
    """A cloud service at an address.

    Args:
        address: "host:port".
        model: the name under which the cloud serves the model.
        digest: the edge's digest of the model; the cloud refuses another digest.
        layers: the edge's layer names in graph order; the cloud's profile must have the same.
        access: TLS and token. Their files are read at each new connection; if they changed, a new channel is opened.
        longest_beat_s: the longest pause between heartbeats of an idle stream that the cloud may take.

    Raises:
        AccessError: the access cannot be used, or would send a token in plain text.
    """

    def __init__(
        self,
        address: str,
        *,
        model: str,
        digest: str,
        layers: Sequence[str],
        access: ClientAccess = PLAIN,
        longest_beat_s: float = limits.HEARTBEAT_INTERVAL_S,
    ) -> None:
        access.check(address)
        self.address = address
        self._model = model
        self._digest = digest
        self._layers = tuple(layers)
        self._access = access
        self._longest_beat_s = longest_beat_s
        self._identity: Identity | None = None
        self._metadata: Metadata = ()
        self._channel: grpc.aio.Channel | None = None

    async def profile(self, timeout_s: float) -> CloudProfile:
        """Gets the model's profile (`GetProfile`); this is the first call of a connection."""
        await self._renew_access()
        request = split_pb2.GetProfileRequest(model=self._model, digest=self._digest)
        try:
            answer = await self._service().GetProfile(request, timeout=timeout_s, metadata=self._metadata)
        except grpc.aio.AioRpcError as error:
            self._translate(error)
        if tuple(answer.layers) != self._layers:
            raise WrongTwinError(
                f"the cloud at {self.address} lists other layers for {self._model} under the same digest; "
                "run the same versions of dads and torch on both sides"
            )
        layer_s = tuple(answer.layer_s)
        if len(layer_s) != len(self._layers) or not all(0.0 <= seconds < math.inf for seconds in layer_s):
            raise self._bad_profile()
        return CloudProfile(
            layer_s, max(1.0, answer.load_factor), self._decode_s(answer), answer.pictures, bounded(answer.replica)
        )

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
            chunk = split_pb2.ProbeRequest(filler=bytes(chunk_bytes(size)))
            for _ in range(-(-size // len(chunk.filler))):
                yield chunk

        try:
            answer = await self._service().Probe(filler(), timeout=timeout_s, metadata=self._metadata)
        except grpc.aio.AioRpcError as error:
            self._translate(error)
        return ProbeReading(answer.second_half_bytes, answer.second_half_s)

    async def probe_down(self, size: int, timeout_s: float) -> ProbeReading | None:
        """Asks for filler (`ProbeDown`) and times the second half of its arrivals; None from a cloud without it."""
        timer = ProbeTimer()
        request = split_pb2.ProbeDownRequest(bytes=size)
        try:
            async for chunk in self._service().ProbeDown(request, timeout=timeout_s, metadata=self._metadata):
                timer.arrived(time.perf_counter(), len(chunk.filler))
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.UNIMPLEMENTED:
                return None
            self._translate(error)
        second = timer.second_half()
        return ProbeReading(second.received_bytes, second.received_s)

    def encode(
        self,
        frame_id: int,
        tensors: Mapping[str, Sequence[tuple[npt.NDArray[np.generic], str]]],
        outputs: Sequence[str],
        encodings: Mapping[str, Encoding] = ALL_RAW,
        traceparent: str = "",
    ) -> FrameToSend:
        """Encodes a `StreamTailsRequest`; its raw tensors share the arrays' memory until it is sent."""
        encoded = tuple(
            encode_tensor(layer, array, index=index, dtype=dtype, encoding=encodings.get(layer, Encoding.RAW))
            for layer, value in tensors.items()
            for index, (array, dtype) in enumerate(value)
        )
        return self._written(frame_id, encoded, outputs, traceparent)

    def encode_packets(
        self,
        frame_id: int,
        layer: str,
        shape: Sequence[int],
        packets: PacketsToSend,
        outputs: Sequence[str],
        traceparent: str = "",
    ) -> FrameToSend:
        """Encodes a `StreamTailsRequest` whose tensor is given by packets."""
        encoded = (packets_tensor(layer, shape, packets),)
        return replace(self._written(frame_id, encoded, outputs, traceparent), kind=Encoding.PACKETS.value)

    def open_tails(self) -> GrpcTails:
        """Opens a `StreamTails` stream."""
        beats = (LONGEST_BEAT_KEY, f"{self._longest_beat_s:g}")
        return GrpcTails(stream_tails(self._connected())(metadata=(*self._metadata, beats)), self._translate)

    def open_pulse(self) -> GrpcTails:
        """Opens a `StreamTails` stream for its heartbeats."""
        return self.open_tails()

    def _written(
        self, frame_id: int, tensors: tuple[EncodedTensor, ...], outputs: Sequence[str], traceparent: str
    ) -> FrameToSend:
        request = TailRequest(self._model, self._digest, frame_id, tensors, tuple(outputs), traceparent=traceparent)
        written = write_stream_request(request)
        return FrameToSend(frame_id, written, written.size, sum(tensor.size for tensor in tensors))

    async def another(self) -> GrpcCloud:
        """The same on a channel, and so a TCP connection, of its own."""
        made = GrpcCloud(
            self.address,
            model=self._model,
            digest=self._digest,
            layers=self._layers,
            access=self._access,
            longest_beat_s=self._longest_beat_s,
        )
        await made._renew_access()
        return made

    async def drop(self) -> None:
        """Closes the channel; the next call opens another, with a new TCP connection.

        During an outage, TCP repeats its segments at intervals that double: after an outage of 10 s, the old connection
        may take 10 s more to notice that the link is back.
        """
        channel, self._channel = self._channel, None
        if channel is not None:
            await channel.close(grace=None)

    async def close(self) -> None:
        """Closes the channel."""
        await self.drop()

    def _decode_s(self, answer: split_pb2.GetProfileResponse) -> dict[Encoding, tuple[float, ...]]:
        found = {}
        for profile in answer.encodings:
            encoding, decode_s = of_wire(profile.encoding), tuple(profile.decode_s)
            if len(decode_s) != len(self._layers) or not all(0.0 <= seconds < math.inf for seconds in decode_s):
                raise self._bad_profile()
            if encoding is not None:  # a newer cloud may accept more than this edge knows
                found[encoding] = decode_s
        return found

    def _bad_profile(self) -> CloudRefusedError:
        return CloudRefusedError(
            f"the profile of the cloud at {self.address} makes no sense: expected {len(self._layers)} finite times",
            reason="BAD_PROFILE",
        )

    def _connected(self) -> grpc.aio.Channel:
        if self._channel is None:
            options = (*OPTIONS, *proxy_options(self.address), *self._access.options())
            if self._identity is None:
                self._channel = grpc.aio.insecure_channel(self.address, options=options)
            else:
                credentials = channel_credentials(self._identity)
                self._channel = grpc.aio.secure_channel(self.address, credentials, options=options)
        return self._channel

    async def _renew_access(self) -> None:
        try:
            identity = self._access.identity()
            self._metadata = (*self._access.metadata(), (EDGE_KEY, edge_name()))
        except AccessError as error:
            raise CloudUntrustedError(str(error)) from error
        if identity != self._identity:
            await self.close()
            self._identity = identity

    def _service(self) -> Any:  # noqa: ANN401 - the aio stub's generated annotation is only visible to type checkers
        return split_pb2_grpc.SplitInferenceStub(self._connected())

    def _translate(self, error: grpc.aio.AioRpcError) -> NoReturn:
        status = status_of(error)
        if status is None and is_lost(error):
            details = error.details() or ""
            hint = advice(details)
            if hint is not None:
                raise CloudUntrustedError(f"no connection to the cloud at {self.address}: {hint}") from error
            message = f"no answer from the cloud at {self.address}{through_proxy(self.address)}: "
            message += f"{error.code().name}: {details}"
            message += suspicion(details, encrypts=self._access.encrypts)
            late = error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
            raise (CloudSilentError if late else CloudUnreachableError)(message) from error
        if status is None:
            status = status_pb2.Status(code=error.code().value[0], message=error.details() or "")
        raise refused(status, error.code().name) from error
