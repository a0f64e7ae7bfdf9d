"""A live source that never ends: it is connected to again after every loss, and every gap is reported."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from edge_service.frame_image import Shot
from edge_service.log import log
from edge_service.sources.addresses import masked
from edge_service.sources.errors import SourceError, SourceLoginError, SourceLostError, SourceSilentError
from edge_service.sources.live.addresses import Way, way_of
from edge_service.sources.live.ffmpeg_session import FfmpegWay, check_reachable, ffmpeg_shots
from edge_service.sources.live.gaps import FoundGap, GapWatch
from edge_service.sources.live.http_session import http_shots
from edge_service.sources.live.limits import Limits
from edge_service.sources.live.options import LiveOptions
from edge_service.sources.live.retries import Retries
from edge_service.sources.live.silence import SilenceLimit
from edge_service.sources.pacing import Timed
from edge_service.sources.source_report import SourceReport
from edge_service.sources.watched import watched

__all__ = ["Connect", "LiveVideo"]

Connect = Callable[[Limits], Iterator[Timed[Shot]]]
"""Connects once, and yields pictures with the times of their arrival (`time.monotonic`) until the connection is lost,
which raises a SourceLostError or a SourceLoginError. It ends where a clip ends."""


@dataclass(slots=True)
class LiveVideo:
    """The pictures of a camera or a stream, at the times of their arrival.

    Attributes:
        address: Its address, or device.
        options: What the user chose.
        report: Is told of gaps and losses.
        as_packets: Whether pictures stay compressed where they can.
        connect: Connects once; by default as the address says.
    """

    address: str
    options: LiveOptions = field(default_factory=LiveOptions)
    report: SourceReport = field(default_factory=SourceReport)
    as_packets: bool = False
    connect: Connect | None = None
    live: bool = field(default=True, init=False)
    interval_s: float = field(default=0.0, init=False)
    _stop: threading.Event = field(default_factory=threading.Event, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)
    _gaps: GapWatch | None = field(default=None, init=False)
    _first_s: float | None = field(default=None, init=False)
    _last_s: float = field(default=0.0, init=False)
    _told: str = field(default="", init=False)

    def play(self) -> Iterator[Timed[Shot]]:
        """The pictures, with times since the first one; once. Blocks, and ends by `stop` (or where a clip ends).

        Raises:
            SourceLoginError: The camera refuses user and password, and never gave a picture.
            SourceLostError: There was no picture for as long as the options say.
        """
        return watched(self._connecting_again(), self.report)

    def stop(self) -> None:
        """End `play` soon, and report a gap that lasts. May be called from any thread, more than once."""
        with self._lock:
            if not self._stop.is_set() and self._gaps is not None:
                self._report(self._gaps.ended(time.monotonic()))
            self._stop.set()

    def _connecting_again(self) -> Iterator[Timed[Shot]]:
        connect = self.connect or self._connected
        silence = SilenceLimit(self.options.silence_s)
        now_s = time.monotonic()
        retries, self._gaps = Retries(now_s, self.options.give_up_after_s), GapWatch(now_s)
        while not self._stop.is_set():
            now_s = time.monotonic()
            retries.attempt(now_s)
            silence.connected()
            # More than its least time is given to a silent camera only up to when it is given up.
            limit_s = min(silence.limit_s, max(self.options.silence_s, retries.left_s(now_s)))
            try:
                for shot in connect(Limits(limit_s, stop=self._stop)):
                    silence.arrived(shot.at_s)
                    retries.arrived(shot.at_s)
                    if (timed := self._arrived(shot)) is None:
                        return
                    yield timed
            except (SourceLostError, SourceLoginError) as error:
                if isinstance(error, SourceSilentError):
                    silence.fell_silent()
                self._lost(error)
                wait_s = retries.wait_s(time.monotonic(), login_refused=isinstance(error, SourceLoginError))
                if wait_s is None:
                    raise SourceLostError(
                        f"{masked(self.address)}: {error}; given up after {self.options.give_up_after_s:g} s"
                    ) from error
            else:
                return
            self._stop.wait(wait_s)

    def _arrived(self, shot: Timed[Shot]) -> Timed[Shot] | None:
        """The shot in the source's time; None after `stop`."""
        with self._lock:
            if self._stop.is_set() or self._gaps is None:
                return None
            was_told, self._told = self._told, ""
            is_first, self._first_s = self._first_s is None, shot.at_s if self._first_s is None else self._first_s
            gap = self._gaps.arrived(shot.at_s)
            self._report(gap)
            if was_told and not is_first:
                self.report.reconnected()
        if was_told and gap is not None:
            log.info("the source is back", source=masked(self.address), seconds=round(gap.seconds, 3))
        # Pictures are shown in another order than they arrived in: B-frames.
        self._last_s = max(self._last_s, shot.at_s - self._first_s)
        return Timed(self._last_s, shot.item)

    def _lost(self, error: SourceError) -> None:
        with self._lock:
            if self._gaps is not None and not self._stop.is_set():
                self._gaps.lost(str(error))
            if isinstance(error, SourceLoginError) and self._first_s is None:
                raise SourceLoginError(f"{masked(self.address)}: {error}; expected scheme://user:password@host/...")
            is_new, self._told = self._told != str(error), str(error)
        if is_new:
            log.warning("no pictures; connecting again", source=masked(self.address), why=str(error))

    def _report(self, gap: FoundGap | None) -> None:
        if gap is not None:
            first_s = gap.began_s if self._first_s is None else self._first_s
            self.report.gap(gap.began_s - first_s, gap.seconds, gap.why)

    def _connected(self, limits: Limits) -> Iterator[Timed[Shot]]:
        check_reachable(self.address, limits)
        way, options = way_of(self.address) or Way.DEVICE, self.options
        if way is Way.HTTP:
            return http_shots(self.address, limits, as_packets=self.as_packets)
        opened = FfmpegWay.of(self.address, way, transport=options.rtsp_transport, as_packets=self.as_packets)
        counts = way is Way.RTSP and options.rtsp_transport == "udp"
        return ffmpeg_shots(opened, limits, self.report.lost_packets if counts else None)
