"""The packets of one stream become frames, in the order in which their requests arrived.

Laws:
    * Requests are decoded one at a time, in order of arrival, however many are answered at the same time.
    * Each is answered by its frame or by one refusal, which leaves the stream as it is.
    * A process is taken where a session begins, and given back with the stream, after a failure of the process, where
      its pixels are wrong or its format unknown, and after `SESSION_IDLE_S` without packets.
"""

import asyncio
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cloud_service.decoding.decoders import Decoders
from cloud_service.decoding.numbering import Numbering
from cloud_service.decoding.process import Answer, DecoderProcess
from cloud_service.errors import InvalidRequestError, NoDecoderError, PacketsError
from pictures import StreamFormat, pixels_digest
from pictures.worker_messages import Begin, Outcome, Request
from split_wire import Reason
from split_wire.limits import SESSION_IDLE_S
from split_wire.packets import PacketsToSend, WireFormat

__all__ = ["DecodedFrame", "PacketSession"]

REQUEST_S, PACKET_S = 5.0, 0.05
"""Seconds that the packets of a frame may take, and in addition each of them."""


@dataclass(frozen=True, slots=True)
class DecodedFrame:
    """A frame made of packets.

    Attributes:
        pixels: uint8 [1, 3, H, W].
        seconds: Of decoding and preparing.
    """

    pixels: npt.NDArray[np.uint8]
    seconds: float


class PacketSession:
    """The session of one stream; none at first. It belongs to one event loop.

    Args:
        decoders: The server's.
        idle_s: Seconds without packets after which the process is given back.
    """

    def __init__(self, decoders: Decoders, *, idle_s: float = SESSION_IDLE_S) -> None:
        self._decoders = decoders
        self._idle_s = idle_s
        self._numbers = Numbering()
        self._process: DecoderProcess | None = None
        self._in_order = asyncio.Lock()  # which is fair: first come, first served
        self._idle: asyncio.TimerHandle | None = None

    async def frame(self, packets: PacketsToSend, height: int, width: int) -> DecodedFrame:
        """Decode the packets of the next request, and return the frame that they show.

        Raises:
            PacketsError: PACKETS_GAP, PICTURE_PENDING or PIXELS_DIFFER.
            InvalidRequestError: PICTURE_LOST.
            NoDecoderError: No process is free, or there is no decoder for this format.
            DecoderLostError: The process failed.
        """
        async with self._in_order:
            self._stop_waiting()
            try:
                return await self._decoded(packets, height, width)
            finally:
                if self._process is not None:
                    self._idle = asyncio.get_running_loop().call_later(self._idle_s, self.end)

    def end(self) -> None:
        """End the session, and give the process back."""
        self._stop_waiting()
        self._numbers.end()
        process, self._process = self._process, None
        if process is not None:
            self._decoders.release(process)

    async def _decoded(self, packets: PacketsToSend, height: int, width: int) -> DecodedFrame:
        self._numbers.take(packets)
        try:
            self._process = self._process or self._decoders.take()
            answer = await self._decoders.ask(self._process, _request(packets, height, width))
        except BaseException:  # a cancelled request leaves a process that is busy with it
            self.end()
            raise
        if answer.pixels is None:
            raise self._refusal(answer)
        if packets.digest and pixels_digest(answer.pixels) != packets.digest:
            self.end()
            raise PacketsError(
                Reason.PIXELS_DIFFER,
                f"picture {packets.shown} has other pixels here than at the caller; expected the same libraries on "
                "both sides, as GetProfile's `pictures` names them, or another encoding",
            )
        return DecodedFrame(answer.pixels, answer.seconds)

    def _refusal(self, answer: Answer) -> Exception:
        match answer.outcome:
            case Outcome.PENDING:
                return PacketsError(Reason.PICTURE_PENDING, answer.text)
            case Outcome.REFUSED:
                self.end()
                return NoDecoderError(f"no decoder takes these packets: {answer.text}; expected another encoding")
            case _:
                self._numbers.end()
                return InvalidRequestError(
                    Reason.PICTURE_LOST, f"{answer.text}; expected another session, from a keyframe on"
                )

    def _stop_waiting(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None


def _request(packets: PacketsToSend, height: int, width: int) -> Request:
    return Request(
        begin=None if packets.format is None else Begin(_stream_format(packets.format), packets.format.preprocess),
        first=packets.first,
        packets=packets.packets,
        shown=packets.shown,
        height=height,
        width=width,
        limit_s=REQUEST_S + PACKET_S * len(packets.packets),
    )


def _stream_format(known: WireFormat) -> StreamFormat:
    return StreamFormat(
        codec=known.codec,
        extradata=known.extradata,
        width=known.width,
        height=known.height,
        colour_range=known.colour_range,
        colour_space=known.colour_space,
        rotation=known.rotation,
        aspect=known.aspect,
        mirrored=known.mirrored,
        reorder=known.reorder,
    )
