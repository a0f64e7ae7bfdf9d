"""Frames sent as packets of their source: which packets go, when their pictures are compared, and refusals."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

from edge_service.cloud.link import CloudLink
from edge_service.cloud.packet_session import FramePackets, PacketSession
from edge_service.cloud.seam import Cloud, FrameToSend
from edge_service.control import Controller, OneCloud, PacketsRefusal
from edge_service.errors import CloudError, CloudRefusedError
from edge_service.frame_image import FrameImage
from edge_service.log import log
from edge_service.parts import Parts
from edge_service.pipeline.job import Job, Started
from pictures import Compressed, Preprocess, StreamFormat, pixels_digest
from pictures.versions import versions
from split_wire import Reason
from split_wire.packets import PacketsToSend, WireFormat

__all__ = ["PacketSending"]

_BUSY_S = 5.0
"""How long to send frames otherwise if the cloud has no decoder left, and does not say for how long."""
_SESSION_OVER = (Reason.PACKETS_GAP, Reason.PICTURE_LOST, Reason.DECODER_LOST)


class PacketSending:
    """One agent's packets for one cloud; all but `encode` for the event loop.

    Args:
        parts: the parts of the run.
        cloud: encodes frames.
        link: knows the stream that frames go on.
        controller: knows whether this cloud takes packets.
    """

    def __init__(self, parts: Parts, cloud: Cloud, link: CloudLink, controller: Controller | OneCloud) -> None:
        self._model = parts.model
        self._controller = controller
        self._cloud = cloud
        self._link = link
        self._session = PacketSession(_frame_bytes(parts))
        self._seen: Compressed | None = None

    def is_ready(self, job: Job) -> bool:
        """Whether a frame can be sent as packets now."""
        return self._choose(job) is not None

    def seen_bytes(self, job: Job) -> int | None:
        """Bytes of the packets since the frame before; None where there are none, or a source has begun anew."""
        picture = None if job.image is None else job.image.compressed
        before, self._seen = self._seen, picture
        return None if before is None or picture is None else picture.bytes_since(before)

    def choose(self, job: Job) -> tuple[FramePackets, bool] | None:
        """What goes with a frame, and whether its pixels are to be compared; None if it cannot be sent so any more."""
        chosen = self._choose(job)
        if chosen is None or job.image is None:
            return None
        picture = chosen.compressed
        work = 0 if job.image.is_decoded else picture.history.work(picture)
        return chosen, self._session.wants_check(chosen, time.monotonic(), work=work)

    def encode(
        self, job: Job, chosen: FramePackets, wanted: Sequence[str], traceparent: str, *, check: bool
    ) -> FrameToSend:
        """Encodes a frame; on the worker thread, because a comparison decodes the picture.

        Raises:
            PictureError: the picture is to be compared, and cannot be decoded.
            ValueError: the packets exceed a limit of the wire.
        """
        image = _image(job)
        history = chosen.compressed.history
        packets = PacketsToSend(
            _wire_format(history.format, image.preprocess) if chosen.begins else None,
            chosen.first,
            [packet.data for packet in chosen.packets],
            chosen.compressed.number,
            pixels_digest(image.array()) if check else b"",
        )
        (spec,) = self._model.inputs
        if spec.layer is None:
            raise RuntimeError("packets were to be sent to a model that does not read its image")
        return self._cloud.encode_packets(job.frame_id, spec.layer, spec.sizes, packets, wanted, traceparent)

    def sent(self, chosen: FramePackets, *, check: bool) -> None:
        """A frame's packets were encoded: those of the next frames follow them."""
        self._session.sent(chosen, checked=check, now_s=time.monotonic())

    def is_useless(self, started: Started) -> bool:
        """Whether a frame's packets are of a session that is over, so that the cloud would refuse them."""
        return started.packets is not None and not self._session.is_on(started.packets, self._link.stream)

    def answered(self, started: Started) -> None:
        """The cloud answered a frame."""
        if started.packets is not None:
            self._session.answered(started.packets)

    def lost(self, started: Started) -> None:
        """A frame's packets were not sent."""
        if started.packets is not None:
            self._session.ended(started.packets, time.monotonic())

    def refused(self, started: Started, error: CloudError) -> PacketsRefusal | None:
        """The cloud refused a frame; returns for how long it refuses packets, or None if that was not the reason."""
        if started.packets is None or not isinstance(error, CloudRefusedError):
            return None
        match error.reason:
            case Reason.PICTURE_PENDING:
                history = started.packets.compressed.history
                history.delay = max(history.delay, started.packets.compressed.delay + 1)
            case Reason.PIXELS_DIFFER:
                log.warning(
                    "frames are sent decoded, because the cloud's decoder gives other pixels",
                    here=versions(),
                    there=self._link.pictures,
                )
                self._session.ended(started.packets, time.monotonic())
                return PacketsRefusal.RUN
            case Reason.NO_DECODER:
                self._session.ended(started.packets, time.monotonic())
                wait_s = _BUSY_S if error.retry_after_s is None else error.retry_after_s
                self._session.wait(time.monotonic() + wait_s)
            case reason if reason in _SESSION_OVER:
                self._session.ended(started.packets, time.monotonic())
            case _:
                return None
        return PacketsRefusal.FRAME

    def _choose(self, job: Job) -> FramePackets | None:
        picture = None if job.image is None else job.image.compressed
        if picture is None or not self._controller.packets_usable:
            return None
        return self._session.choose(picture, self._link.stream, time.monotonic())


def _image(job: Job) -> FrameImage:
    if job.image is None:
        raise RuntimeError("a frame without a source's picture was to be sent as packets")
    return job.image


def _frame_bytes(parts: Parts) -> float:
    """What a frame takes at least if it is sent decoded."""
    layers = [layer.name for layer in parts.model.graph.layers]
    inputs = [layers.index(name) for name in parts.wire.inputs]
    measured = [sum(encoding.output_bytes[i] for i in inputs) for encoding in parts.wire.encodings]
    return min(measured, default=math.inf)


def _wire_format(known: StreamFormat, preprocess: Preprocess) -> WireFormat:
    return WireFormat(
        codec=known.codec,
        preprocess=str(preprocess),
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
