"""The seam between the agent and the cloud: the calls that the agent needs, with its own types.

`edge_service.cloud.client.GrpcCloud` implements it; tests use a fake.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol

import numpy as np
import numpy.typing as npt

from edge_service.control import ServerTimes
from edge_service.errors import CloudError
from split_wire import Encoding
from split_wire.limits import HEARTBEAT_INTERVAL_S
from split_wire.packets import PacketsToSend

__all__ = [
    "ALL_RAW",
    "Announcement",
    "Answer",
    "Beat",
    "Cloud",
    "CloudProfile",
    "FrameToSend",
    "ProbeReading",
    "Refusal",
    "StreamEvent",
    "Tails",
]


ALL_RAW: Mapping[str, Encoding] = MappingProxyType({})
"""Every layer is sent raw."""


@dataclass(frozen=True, slots=True)
class CloudProfile:
    """The cloud's measured times of the model.

    Attributes:
        layer_s: seconds of every layer on the idle cloud, in graph order.
        load_factor: how many times slower the cloud is now; at least 1.
        decode_s: by encoding, seconds to decode every layer's value, in graph order; those of raw if the encoding does
            not apply to a layer. The cloud does not accept a missing encoding; if all are missing, it measured none.
        pictures: the versions of what decodes packets there; empty if it takes none.
        replica: the server that answered; empty from an older one.
    """

    layer_s: tuple[float, ...]
    load_factor: float
    decode_s: Mapping[Encoding, tuple[float, ...]] = field(default_factory=dict)
    pictures: str = ""
    replica: str = ""


@dataclass(frozen=True, slots=True)
class ProbeReading:
    """Bytes that arrived and the seconds they took, on the receiver's clock."""

    received_bytes: int
    received_s: float


@dataclass(frozen=True, slots=True)
class FrameToSend:
    """An encoded frame.

    Attributes:
        message: the message for the transport; opaque to the agent.
        size: bytes of the message.
        tensor_bytes: bytes of the tensors in it.
        kind: what it holds, for metrics: "tensor" or "packets".
    """

    frame_id: int
    message: object
    size: int
    tensor_bytes: int
    kind: str = "tensor"


@dataclass(frozen=True, slots=True)
class Answer:
    """The cloud's result of one frame.

    Attributes:
        outputs: by path; arrays may be read-only views of the message, bfloat16 is given as uint16 bits.
        size: bytes of the answer.
        server_s: from the receipt of the whole request to the sending of the answer.
        queue_s: the part of `server_s` spent waiting: for other frames, and until the cloud had prepared the cut.
        decode_s: the part of `server_s` that decoding the request took.
        compute_s: the part of `server_s` that the tail itself took.
        load_factor: how many times slower the cloud is than when it was profiled.
        replica: the server that answered; empty from an older one.
    """

    frame_id: int
    outputs: Mapping[str, npt.NDArray[np.generic]]
    size: int
    server_s: float
    queue_s: float
    decode_s: float
    compute_s: float
    load_factor: float
    replica: str = ""

    @property
    def times(self) -> ServerTimes:
        """The cloud's own time for the frame."""
        return ServerTimes(self.server_s, self.queue_s, self.decode_s, self.compute_s, self.load_factor, self.replica)


@dataclass(frozen=True, slots=True)
class Announcement:
    """The answer of one frame begins to arrive.

    Attributes:
        size: bytes of the answer.
        server_s: as in the answer.
    """

    frame_id: int
    size: int
    server_s: float


@dataclass(frozen=True, slots=True)
class Refusal:
    """The cloud's error for one frame; the stream continues.

    Attributes:
        replica: the server that refused; empty from an older one.
    """

    frame_id: int
    error: CloudError
    replica: str = ""


@dataclass(frozen=True, slots=True)
class Beat:
    """A heartbeat of the cloud, with its load factor.

    Attributes:
        replica: the server that sent it; empty from an older one.
        next_s: seconds until the next one at the latest.
    """

    load_factor: float
    replica: str = ""
    next_s: float = HEARTBEAT_INTERVAL_S


StreamEvent = Answer | Announcement | Refusal | Beat


class Tails(Protocol):
    """One stream of frames to the cloud."""

    async def send(self, frame: FrameToSend, timeout_s: float) -> None:
        """Hands a frame to the transport; the cloud drops it `timeout_s` seconds after its arrival.

        Raises:
            CloudError: the stream is broken.
        """

    def events(self) -> AsyncIterator[StreamEvent]:
        """Yields what comes back until the stream is cancelled.

        Raises:
            CloudError: the stream broke.
        """

    def cancel(self) -> None:
        """Ends the stream; frames not yet sent are discarded."""


class Cloud(Protocol):
    """The calls that the agent makes to a cloud service. Every method raises `CloudError` if it fails."""

    async def profile(self, timeout_s: float) -> CloudProfile:
        """Gets the model's profile; raises WrongTwinError if the cloud's model is another."""

    async def ping(self, timeout_s: float) -> float:
        """Returns the seconds of a small round trip."""

    async def probe(self, size: int, timeout_s: float) -> ProbeReading:
        """Sends `size` bytes of filler and returns how fast they arrived."""

    async def probe_down(self, size: int, timeout_s: float) -> ProbeReading | None:
        """Asks for `size` bytes of filler and returns how fast they arrived here; None if the cloud sends none."""

    def encode(
        self,
        frame_id: int,
        tensors: Mapping[str, Sequence[tuple[npt.NDArray[np.generic], str]]],
        outputs: Sequence[str],
        encodings: Mapping[str, Encoding] = ALL_RAW,
        traceparent: str = "",
    ) -> FrameToSend:
        """Encodes a frame; may be called in any thread.

        Args:
            frame_id: which frame it is.
            tensors: by layer name its arrays with their dtype names; they must not change until the frame is sent.
            outputs: the paths of the outputs wanted.
            encodings: by layer name its encoding; raw if it is missing, or if the encoding does not apply.
            traceparent: the frame's trace, sent to the cloud; empty if it has none.
        """

    def encode_packets(
        self,
        frame_id: int,
        layer: str,
        shape: Sequence[int],
        packets: PacketsToSend,
        outputs: Sequence[str],
        traceparent: str = "",
    ) -> FrameToSend:
        """Encodes a frame as packets of its source; may be called in any thread.

        Args:
            frame_id: which frame it is.
            layer: the model's input, which the cloud makes of the packets.
            shape: of that input.
            packets: the packets.
            outputs: the paths of the outputs wanted.
            traceparent: as for `encode`.

        Raises:
            ValueError: they exceed a limit of the wire.
        """

    def open_tails(self) -> Tails:
        """Opens a stream of frames."""

    def open_pulse(self) -> Tails:
        """Opens a stream for heartbeats only: they arrive even while the frames' stream is renewed."""

    async def another(self) -> Cloud:
        """The same calls on a connection of their own, which may lead to another server behind the address."""

    async def drop(self) -> None:
        """Drops a connection from which nothing arrives, so that the next call opens another; calls on it end."""

    async def close(self) -> None:
        """Ends the connection."""
