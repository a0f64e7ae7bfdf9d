"""Passive measurement of the downlink: when the download of each large answer began and ended.

The cloud announces a large answer right before it sends it. Both arrive on one stream in the order of sending, so by
the edge's own clock

    download = answer - announcement

whatever else is queued on the way down. The announcement also ends the frame's upload:

    end of upload = announcement - server time - round trip

unless it waited behind the download of another answer. Then the end of the upload is unknown.
"""

from dataclasses import dataclass

from edge_service.control.estimators.upload_clock import IDLE_S
from edge_service.control.events import DownlinkMeasured, DownloadStalled

# An announcement that waited behind a download arrives right after its end: how much later, at most, as a share of the
# download. The edge also reads the answer before it, which takes longer for a larger one.
_RIGHT_AFTER = 0.25
_RIGHT_AFTER_S = 0.002


@dataclass(frozen=True, slots=True)
class Download:
    """An answer that began to arrive.

    Attributes:
        frame_id: Whose answer it is.
        bytes: About how many bytes it has.
        began_s: When it was announced.
        after_idle: Whether nothing was downloaded shortly before, so that slow start may be part of its time.
        waited: Whether the announcement waited behind the download of another answer.
    """

    frame_id: int
    bytes: int
    began_s: float
    after_idle: bool
    waited: bool

    def sample(self, now_s: float) -> DownlinkMeasured:
        """What it measured, if it has arrived now."""
        return DownlinkMeasured(self.bytes, now_s - self.began_s, self.after_idle)

    def bound(self, now_s: float) -> DownloadStalled:
        """The bound of the rate that follows if it has not arrived yet."""
        return DownloadStalled(self.bytes, now_s - self.began_s)


class DownloadClock:
    """Keeps the download under way, from its announcement to its answer; on one stream there is one at a time.

    Attributes:
        under_way: The download under way; None if there is none. Meanwhile heartbeats wait behind it.
    """

    def __init__(self) -> None:
        self.under_way: Download | None = None
        self._ended_s: float | None = None
        self._last_s = 0.0

    def announced(self, frame_id: int, size: int, now_s: float) -> Download:
        """The answer of a frame begins to arrive, with about `size` bytes."""
        pause_s = None if self._ended_s is None else now_s - self._ended_s
        self.under_way = Download(
            frame_id=frame_id,
            bytes=size,
            began_s=now_s,
            after_idle=pause_s is None or pause_s > IDLE_S,
            waited=pause_s is not None and pause_s <= max(_RIGHT_AFTER * self._last_s, _RIGHT_AFTER_S),
        )
        return self.under_way

    def answered(self, frame_id: int, now_s: float) -> Download | None:
        """An answer has arrived; returns its download, None if it was not announced."""
        download = self.under_way
        if download is None or download.frame_id != frame_id:
            return None
        self.under_way = None
        self._last_s, self._ended_s = now_s - download.began_s, now_s
        return download

    def restart(self) -> None:
        """A new stream: nothing arrives on it yet."""
        self.under_way = self._ended_s = None
