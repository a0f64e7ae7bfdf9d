"""When to send probes of the uplink and pings for the round trip, and how large a probe is.

Frames that are offloaded measure the link at no cost. Edge-only frames do not, so without probes an edge that stopped
offloading would never start again. A probe takes about `worth_s` at the estimated rate: enough bytes for a correct rate
(64 kB up to 20 Mbit/s, 256 kB up to 100, 1 MB up to 1 Gbit/s), and little delay for frames. On slow links probes are
small and frequent: a slow link keeps frames on the edge, and its recovery must be noticed soon. In slow start a probe
must exceed the window: its second half begins in a round that fills the link only if the probe is four times the
bandwidth-delay product. A margin makes that five times.
"""

import math
from dataclasses import dataclass

from edge_service.control.estimators.slow_start import INITIAL_WINDOW_BYTES


@dataclass(frozen=True, slots=True)
class ProbeConfig:
    """When and how much to probe.

    Attributes:
        interval_s: An estimate is stale when it is older than this and than the time between two frames.
        quick_interval_s: The same for probes of at most `quick_bytes`.
        quick_bytes: See `quick_interval_s`.
        longest_interval_s: Longest interval between probes; on very slow links it overrides `share`.
        confirm_s: Wait between probes while the estimate is uncertain: there is none, one sample was far off, or the
            last probe was too small for the link. `share` may lengthen it, up to half of `interval_s`.
        worth_s: Duration of a probe at the estimated rate.
        slow_worth_s: The same on slow links, up to `slow_bytes`: a longer probe averages more of a varying rate.
        slow_bytes: See `slow_worth_s`.
        untimed_worth_s: The same after a probe that only bounded the rate: so long that a busy machine adds little.
        min_bytes: Smallest probe: two segments, so that there is a time between them.
        max_bytes: Largest probe while the window is open.
        max_cold_bytes: Largest probe in slow start.
        first_bytes: Size of a probe while there is no estimate.
        share: Largest share of the link's capacity for probes.
        ping_interval_s: A round trip older than this is measured again.
    """

    interval_s: float = 2.0
    quick_interval_s: float = 1.0
    quick_bytes: int = 32_000
    longest_interval_s: float = 10.0
    confirm_s: float = 0.25
    worth_s: float = 0.05
    slow_worth_s: float = 0.075
    slow_bytes: int = 16_000
    untimed_worth_s: float = 0.25
    min_bytes: int = 2_000
    max_bytes: int = 1_000_000
    max_cold_bytes: int = 4_000_000
    first_bytes: int = 64_000
    share: float = 0.05
    ping_interval_s: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.min_bytes <= self.first_bytes <= self.max_bytes:
            raise ValueError(
                "probe sizes must satisfy 0 < min_bytes <= first_bytes <= max_bytes, "
                f"not {self.min_bytes}, {self.first_bytes}, {self.max_bytes}"
            )
        intervals_s = (self.confirm_s, self.quick_interval_s, self.interval_s, self.longest_interval_s)
        if not 0.0 < intervals_s[0] <= intervals_s[1] <= intervals_s[2] <= intervals_s[3] < math.inf:
            raise ValueError(
                "probe intervals must satisfy 0 < confirm_s <= quick_interval_s <= interval_s <= longest_interval_s, "
                f"not {', '.join(map(str, intervals_s))}"
            )
        if not 0.0 < self.share <= 1.0:
            raise ValueError(f"share must be in (0, 1], not {self.share}")


class ProbeScheduler:
    """Says when a probe or a ping is due. A positive answer counts as sent."""

    def __init__(self, config: ProbeConfig | None = None) -> None:
        self._config = config or ProbeConfig()
        self._probed_at_s = -math.inf
        self._probed_bytes = 0
        self._pinged_at_s = -math.inf

    def probe_due(
        self,
        now_s: float,
        *,
        uplink_bps: float | None,
        age_s: float,
        unconfirmed: bool,
        highest_bps: float | None = None,
        untimed: int = 0,
        slow_start_rtt_s: float = 0.0,
        pause_s: float = 0.0,
    ) -> int | None:
        """Bytes of the probe to send now, or None.

        Args:
            now_s: The time.
            uplink_bps: The estimate; None when there is none.
            age_s: Age of the estimate.
            unconfirmed: Whether the estimate is uncertain.
            highest_bps: The rate of the last sample, if that was far above the estimate. The share of probes is taken
                of it: if the link is that fast, another probe soon costs little.
            untimed: How many probes in a row, up to the last, only bounded the rate (`UplinkAtLeast`).
            slow_start_rtt_s: The round trip, if the probe would begin in slow start; else 0.
            pause_s: Seconds between two frames.
        """
        size = self.size(uplink_bps, slow_start_rtt_s=slow_start_rtt_s, untimed=untimed > 0)
        config = self._config
        interval_s = config.quick_interval_s if size <= config.quick_bytes else config.interval_s
        stale_s = min(max(interval_s, pause_s), config.longest_interval_s)
        fastest_bps = uplink_bps if highest_bps is None or uplink_bps is None else max(uplink_bps, highest_bps)
        wait_s = self._wait_s(size, fastest_bps, age_s, stale_s, unconfirmed=unconfirmed or untimed > 0)
        if wait_s is not None and untimed == 1:
            wait_s = config.confirm_s  # once: a probe that was small because the link was slow only bounds a fast rate
        if wait_s is None or now_s - self._probed_at_s < wait_s:
            return None
        self._probed_at_s = now_s
        self._probed_bytes = size
        return size

    def size(self, uplink_bps: float | None, *, slow_start_rtt_s: float = 0.0, untimed: bool = False) -> int:
        """Bytes of a probe for a link of this rate."""
        config = self._config
        if uplink_bps is None:
            return config.first_bytes
        least_bytes = min(max(uplink_bps * config.slow_worth_s / 8.0, config.min_bytes), config.slow_bytes)
        worth_s = config.untimed_worth_s if untimed else config.worth_s
        size = min(max(uplink_bps * worth_s / 8.0, least_bytes), config.max_bytes)
        in_flight_bytes = uplink_bps * slow_start_rtt_s / 8.0
        if in_flight_bytes > INITIAL_WINDOW_BYTES:
            size = min(max(size, 5.0 * in_flight_bytes), config.max_cold_bytes)
        return int(size)

    def ping_due(self, now_s: float, *, age_s: float, interval_s: float | None = None) -> bool:
        """Whether to measure the round trip now; at most one ping per interval, answered or not.

        Args:
            now_s: The time.
            age_s: Age of the last round trip.
            interval_s: Ping this often whatever the age, to keep the connection out of slow start; None if not needed.
        """
        ordinary = interval_s is None
        interval_s = self._config.ping_interval_s if interval_s is None else interval_s
        if (ordinary and age_s < interval_s) or now_s - self._pinged_at_s < interval_s:
            return False
        self._pinged_at_s = now_s
        return True

    def restart(self) -> None:
        """The cloud is back: a probe and a ping are due at once."""
        self._probed_at_s = -math.inf
        self._probed_bytes = 0
        self._pinged_at_s = -math.inf

    def _wait_s(
        self, size: int, uplink_bps: float | None, age_s: float, stale_s: float, *, unconfirmed: bool
    ) -> float | None:
        """Seconds between the last probe and the next one; None while no probe is needed."""
        config = self._config
        if uplink_bps is None:
            # An unanswered first probe may still be under way on a slow link.
            return config.interval_s
        spaced_s = min(8.0 * size / (uplink_bps * config.share), config.longest_interval_s)
        if unconfirmed or 0 < self._probed_bytes < size / 2:
            return max(config.confirm_s, min(spaced_s, config.interval_s / 2.0))
        if age_s < stale_s:
            return None
        return max(stale_s, spaced_s)
