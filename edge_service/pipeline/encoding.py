"""Encodes what a frame sends: the values of its cut, or the packets of its source."""

from __future__ import annotations

import time
from collections.abc import Sequence

from edge_service.cloud.exchange import encode_cut
from edge_service.cloud.seam import Cloud, FrameToSend
from edge_service.log import log
from edge_service.parts import Parts
from edge_service.pipeline.job import Job, Started
from edge_service.pipeline.packet_sending import PacketSending
from pictures import PictureError
from split_wire import limits

__all__ = ["FrameEncoding", "NotEncodedError"]

_MOST_BYTES = limits.MAX_MESSAGE_BYTES - limits.TIMEOUT_BYTES


class NotEncodedError(Exception):
    """A frame cannot be sent; the message says why."""


class FrameEncoding:
    """Encodes on the worker thread, as heads run there: both are work of the edge.

    Args:
        parts: the parts of the run.
        cloud: makes the messages.
        packets: knows which packets go with a frame.
    """

    def __init__(self, parts: Parts, cloud: Cloud, packets: PacketSending) -> None:
        self._model = parts.model
        self._compute = parts.compute
        self._wire = parts.wire
        self._cloud = cloud
        self._packets = packets

    async def encode(self, job: Job, started: Started, wanted: Sequence[str]) -> FrameToSend:
        """Returns the encoded frame, and notes how long that took.

        Args:
            job: a frame whose head ran, if it has one.
            started: the same as `job.started`.
            wanted: paths of the outputs that the cloud is to compute.

        Raises:
            NotEncodedError: it cannot be sent.
            PictureError: its picture is to be compared with the cloud's, and cannot be decoded.
        """
        traceparent = "" if job.trace is None else job.trace.offload(time.monotonic())
        way = self._as_packets if started.plan.packets else self._cut
        try:
            frame = await way(job, started, wanted, traceparent)
        except (NotEncodedError, PictureError):
            raise
        except ValueError as error:  # a tensor beyond the limits of the wire
            raise NotEncodedError(f"the cut cannot be sent: {error}") from error
        except Exception as error:  # a defect here affects this frame, not the agent
            log.exception("encoding failed", frame=job.frame_id)
            raise NotEncodedError(f"encoding failed: {error}") from error
        if frame.size > _MOST_BYTES:
            raise NotEncodedError(f"the cut is {frame.size} bytes, more than a message may have ({_MOST_BYTES})")
        return frame

    async def _cut(self, job: Job, started: Started, wanted: Sequence[str], traceparent: str) -> FrameToSend:
        split, values = started.plan.partition, started.values
        if values is None:
            raise RuntimeError("a frame was to be sent before its head had run")
        encodings = self._wire.of_cut(split.cut, split.encoding)
        frame, started.encode_s = await self._compute.run(
            lambda: encode_cut(self._model, self._cloud, job.frame_id, values, encodings, wanted, traceparent)
        )
        return frame

    async def _as_packets(self, job: Job, started: Started, wanted: Sequence[str], traceparent: str) -> FrameToSend:
        chosen = self._packets.choose(job)
        if chosen is None:
            raise NotEncodedError("its packets can be sent no longer: their session ended meanwhile")
        packets, check = chosen
        frame, started.encode_s = await self._compute.run(
            lambda: self._packets.encode(job, packets, wanted, traceparent, check=check)
        )
        started.packets = packets
        self._packets.sent(packets, check=check)
        return frame
