"""The path to the cloud: its rates up and down, its round trip, and the window of the connection.

An upload measures the rate if the link limited it; `uplink_samples` judges that. An upload that slow start limited
gives a lower bound of the rate, and the cost of slow start. A download gives a lower bound likewise, but slow start is
not priced on the way down.
"""

import math

from edge_service.control.estimators.round_trip import RoundTripEstimator
from edge_service.control.estimators.slow_start import INITIAL_WINDOW_BYTES, SlowStart, SlowStartShare, Warmth
from edge_service.control.estimators.uplink import UplinkEstimator
from edge_service.control.estimators.uplink_samples import WINDOW_MARGIN, slow_started
from edge_service.control.estimators.upload_clock import IDLE_S
from edge_service.control.events import (
    DownlinkAtLeast,
    DownlinkMeasured,
    RoundTripMeasured,
    UplinkAtLeast,
    UplinkMeasured,
    UploadLate,
)


class NetworkPath:
    """Takes uploads and round trips that ended, and uploads that are late.

    Args:
        late_ratio: An upload is late if it takes longer than this many times its prediction,
        late_margin_s: plus this margin for jitter.

    Attributes:
        uplink: The rate up.
        downlink: The rate down, by the same statistics.
        round_trip: The round trip.
        stalled_s: How long the upload under way has taken, if it is late; else 0.
        probes_untimed: Probes in a row that only bounded the rate.
    """

    def __init__(self, *, late_ratio: float, late_margin_s: float) -> None:
        self._late_ratio = late_ratio
        self._late_margin_s = late_margin_s
        self.uplink = UplinkEstimator()
        self.downlink = UplinkEstimator()
        self.round_trip = RoundTripEstimator()
        self.stalled_s = 0.0
        self.probes_untimed = 0
        self._warmth = Warmth()
        self._slow_start = SlowStartShare()
        self._uploaded_at_s = -math.inf
        self._probe_too_small = False
        self._downloaded_at_s = -math.inf

    def observe(
        self,
        event: UplinkMeasured | UplinkAtLeast | UploadLate | DownlinkMeasured | DownlinkAtLeast | RoundTripMeasured,
        now_s: float,
    ) -> None:
        """Takes what was measured of the path."""
        match event:
            case UplinkMeasured():
                self.uploaded(event, now_s)
            case UplinkAtLeast(size, seconds):
                self.uploaded_within(size, seconds, now_s)
            case UploadLate(size, seconds):
                self.late(size, seconds, now_s)
            case DownlinkMeasured():
                self.downloaded(event, now_s)
            case DownlinkAtLeast(size, seconds):
                self.downlink.at_least(size, seconds, now_s)
            case RoundTripMeasured(seconds):
                self.answered(seconds, now_s)

    @property
    def rtt_s(self) -> float:
        """The round trip; 0 until one was measured."""
        return self.round_trip.minimum_s or 0.0

    @property
    def needed_bytes(self) -> float:
        """The window that the link needs, as far as known: twice its bandwidth-delay product."""
        bps = self.uplink.bps
        return math.inf if bps is None else WINDOW_MARGIN * bps * self.rtt_s / 8.0

    @property
    def unsure(self) -> bool:
        """Whether the rate is uncertain, so that the next probe should be sent soon."""
        return self.uplink.unconfirmed or self.uplink.rests_on_one or self._probe_too_small

    def reconnected(self) -> None:
        """The connection is a new one."""
        self._warmth.restart()
        self._downloaded_at_s = -math.inf

    def forget(self) -> None:
        """After an outage the old rates may be wrong."""
        self.uplink.forget()
        self.downlink.forget()

    def doubt(self) -> None:
        """The link was stalled: what was measured meanwhile is discarded."""
        self.uplink.doubt()
        self.downlink.doubt()

    def slow_starts(self, now_s: float) -> bool:
        """Whether an upload that begins now starts with a window smaller than the link needs."""
        return self._warmth.window_bytes(now_s, self.rtt_s) < self.needed_bytes

    def slow_start(self) -> SlowStart | None:
        """What slow start costs an upload after a pause; None if no upload has shown such a cost."""
        bps, share = self.uplink.bps, self._slow_start.value
        return None if bps is None or not share else SlowStart(bps, self.rtt_s, share)

    def downlink_slow_starts(self, now_s: float) -> bool:
        """Whether a download that begins now may be limited by the cloud's window."""
        bps = self.downlink.bps
        needs_bytes = math.inf if bps is None else WINDOW_MARGIN * bps * self.rtt_s / 8.0
        return now_s - self._downloaded_at_s > IDLE_S and needs_bytes > INITIAL_WINDOW_BYTES

    def idle_s(self, now_s: float) -> float:
        """Seconds since the last upload."""
        return now_s - self._uploaded_at_s

    def answered(self, seconds: float, now_s: float) -> None:
        """A ping was answered after `seconds`."""
        self.round_trip.add(seconds, now_s)
        self._warmth.sent(0, now_s - seconds, now_s, self.rtt_s)

    def uploaded(self, event: UplinkMeasured, now_s: float) -> None:
        """An upload has arrived."""
        sent_share = 2 if event.by_receiver else 1  # the event has only the second half of a probe
        arrived_s = now_s - self.rtt_s
        began_s = arrived_s - sent_share * event.seconds
        began_bytes = self._warmth.window_bytes(began_s, self.rtt_s)
        held_up = slow_started(event, began_bytes, self.rtt_s)
        if event.by_receiver or not held_up:
            self._probe_too_small = held_up
        cold = began_bytes == INITIAL_WINDOW_BYTES
        sure = not (self.uplink.unconfirmed or self._probe_too_small)  # of the rate that the loss is computed with
        if cold and sure and not event.by_receiver and self.uplink.bps is not None:
            self._slow_start.add(event.bytes, event.seconds, self.uplink.bps, self.rtt_s)
        self._uploaded_at_s = now_s
        self.probes_untimed = 0
        self._warmth.sent(sent_share * event.bytes, began_s, arrived_s, self.rtt_s)
        self.uplink.add(event.bytes, event.seconds, now_s, after_idle=held_up, by_receiver=event.by_receiver)

    def uploaded_within(self, size: int, seconds: float, now_s: float) -> None:
        """An upload arrived within `seconds`, a time that other causes than the link may have lengthened."""
        self.uplink.at_least(size, seconds, now_s)
        self.probes_untimed += 1

    def late(self, size: int, seconds: float, now_s: float) -> None:
        """An upload has not arrived within `seconds`: an upper bound of the rate, if that is more than jitter.

        The longer it has taken, the longer it is expected to take (`stalled_s`).
        """
        bps = self.uplink.bps
        if bps is None:
            return
        expected_s = 8.0 * size / bps
        if self.slow_starts(now_s - seconds):
            expected_s += SlowStart(bps, self.rtt_s).lost_s(size)
        if seconds > self._late_ratio * expected_s + self._late_margin_s:
            self.uplink.at_most(size, seconds, now_s)
            self.stalled_s = seconds
        elif self.stalled_s > 0.0:
            self.stalled_s = max(self.stalled_s, seconds)

    def downloaded(self, event: DownlinkMeasured, now_s: float) -> None:
        """A download has arrived."""
        held_up = slow_started(event, INITIAL_WINDOW_BYTES, self.rtt_s)
        self._downloaded_at_s = now_s
        self.downlink.add(event.bytes, event.seconds, now_s, after_idle=held_up, by_receiver=event.by_receiver)
