"""Passive measurement of the uplink: when the upload of each frame began and ended.

The sender's writes only fill its socket buffer, and the clocks of two machines differ. But the edge knows when the
answer arrived, by its own clock, and how long the server took, from the answer. So the last byte left the edge at

    end = answered - server time - round trip

With several frames in flight, an upload begins when the one before it ends, not when it was handed to the transport.
Uploads on one stream end in the order of sending, but answers may arrive in another order. So answers wait here until
every earlier frame is answered or lost.
"""

from collections import OrderedDict
from dataclasses import dataclass

from edge_service.control.events import UplinkMeasured, UploadLate, UploadStalled

IDLE_S = 0.3  # Linux restarts TCP slow start after one retransmission timeout of silence, at least 0.2 s


@dataclass(slots=True)
class _Upload:
    sent_at_s: float
    bytes: int
    end_s: float | None = None
    lost: bool = False


class UploadClock:
    """Turns send and answer times of frames on one stream into uplink samples.

    Args:
        idle_s: After a gap between uploads longer than this, the next sample is marked `after_idle`. The first sample
            on a connection is marked too.
    """

    def __init__(self, *, idle_s: float = IDLE_S) -> None:
        self._idle_s = idle_s
        self._uploads: OrderedDict[int, _Upload] = OrderedDict()
        self._busy_until_s: float | None = None
        self._gap = False

    def sent(self, frame_id: int, sent_bytes: int, now_s: float) -> None:
        """A frame's tensors were handed to the transport."""
        self._uploads[frame_id] = _Upload(now_s, sent_bytes)

    def answered(self, frame_id: int, now_s: float, *, server_s: float, rtt_s: float) -> tuple[UplinkMeasured, ...]:
        """A frame was answered.

        Args:
            frame_id: As given to `sent`; an unknown one changes nothing.
            now_s: When the answer came.
            server_s: The server's own time for it, from its clock.
            rtt_s: The round trip of the path without our own queue: `RoundTripEstimator.minimum_s`.

        Returns:
            The samples that are complete now, in the order of sending; often one, sometimes none or several.
        """
        upload = self._uploads.get(frame_id)
        if upload is None:
            return ()
        upload.end_s = now_s - max(server_s, 0.0) - max(rtt_s, 0.0)
        return self._settle()

    def lost(
        self, frame_id: int, now_s: float, *, server_s: float = 0.0, rtt_s: float = 0.0
    ) -> tuple[UploadStalled | None, tuple[UplinkMeasured, ...]]:
        """A frame was given up.

        Args:
            frame_id: As given to `sent`.
            now_s: When it was given up.
            server_s: How long the server may have needed for it; a longer time gives a weaker bound.
            rtt_s: The round trip.

        Returns:
            The bound of the rate that follows, None if there is none (then only `AnswerMissed` is known); and samples
            of later frames that waited for this one.
        """
        upload = self._uploads.get(frame_id)
        if upload is None:
            return None, ()
        stalled = self._bound(frame_id, now_s - server_s - rtt_s)
        upload.lost = True
        return stalled, self._settle()

    def late(self, now_s: float, *, server_s: float = 0.0, rtt_s: float = 0.0) -> UploadLate | None:
        """The upper bound of the rate, given that the oldest upload has not ended yet; None if there is no bound.

        Args:
            now_s: The time.
            server_s: How long the server may need for it.
            rtt_s: The round trip.
        """
        for frame_id, upload in self._uploads.items():
            if upload.end_s is None and not upload.lost:
                bound = self._bound(frame_id, now_s - server_s - rtt_s)
                return None if bound is None else UploadLate(bound.bytes, bound.seconds)
        return None

    def doubt(self) -> None:
        """The link was stalled: uploads under way would measure the stall, so they give no sample."""
        for upload in self._uploads.values():
            upload.lost = True
        self._settle()

    def restart(self) -> None:
        """A new stream: nothing is in flight, and the next upload is the first on the connection."""
        self._uploads.clear()
        self._busy_until_s = None
        self._gap = False

    def _bound(self, frame_id: int, until_s: float) -> UploadStalled | None:
        """The highest of the possible bounds.

        The link has been busy without a pause since an earlier upload, and all bytes since then have not arrived. With
        which upload the busy time began is unknown without their answers; each candidate gives a bound.
        """
        if self._gap:
            return None
        ids = list(self._uploads)
        waiting_bytes, fastest = 0, None
        for other_id in reversed(ids[: ids.index(frame_id) + 1]):
            upload = self._uploads[other_id]
            waiting_bytes += upload.bytes
            seconds = until_s - max(upload.sent_at_s, self._busy_until_s or upload.sent_at_s)
            if seconds <= 0.0:
                return None
            if fastest is None or waiting_bytes * fastest.seconds > fastest.bytes * seconds:
                fastest = UploadStalled(waiting_bytes, seconds)
        return fastest

    def _settle(self) -> tuple[UplinkMeasured, ...]:
        samples: list[UplinkMeasured] = []
        while self._uploads:
            upload = next(iter(self._uploads.values()))
            if upload.end_s is None and not upload.lost:
                break
            self._uploads.popitem(last=False)
            if upload.end_s is None:
                self._gap = True  # the end of a lost upload is unknown, and so is the beginning of the next one
                continue
            sample = self._sample(upload, upload.end_s)
            if sample is not None:
                samples.append(sample)
        return tuple(samples)

    def _sample(self, upload: _Upload, end_s: float) -> UplinkMeasured | None:
        before_s = self._busy_until_s
        self._busy_until_s = end_s if before_s is None else max(before_s, end_s)
        if self._gap:
            self._gap = False
            return None
        began_s = upload.sent_at_s if before_s is None else max(upload.sent_at_s, before_s)
        if end_s <= began_s:
            return None
        after_idle = before_s is None or upload.sent_at_s - before_s > self._idle_s
        return UplinkMeasured(upload.bytes, end_s - began_s, after_idle)
