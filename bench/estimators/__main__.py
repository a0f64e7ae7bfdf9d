"""How near the uplink estimate comes to the link's goodput, and how fast it follows a step.

Run with `make bench ARGS=estimators` (about a minute) or `make bench-full ARGS=estimators` (about ten minutes;
resumable). The real server and the real agent at the ends of shaped links. Goodput is compared with goodput: the link's
rate less TCP/IP headers (`Link.goodput_share`). What gRPC adds to a tensor is under 1 % and counts as an error.

- steady: `frames` are uploads that measure by themselves, `probes` is an edge that never offloads and only probes;
  counted are the readings of the last half of the run.
- step: 20 to 4 Mbit/s and back, with frames: seconds and frames that ended until the estimate stays within 20 %.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from bench.estimators.report import SETTLED, report
from bench.links.shaped import Kind, Link, available_kinds, links_used, open_link
from bench.links.upload_ends import SIZES_BYTES, Reading, serving, watching
from bench.publishing.journal import Journal
from bench.publishing.pacer import Pacer
from bench.publishing.publish import arguments, carry_out

STEADY_BPS = (2e6, 8e6, 20e6, 100e6)
STEPS_BPS = (20e6, 4e6, 20e6)
RTT_S = 0.02
CONGESTION = "cubic"
_START_S = 5.0


@dataclass(frozen=True, slots=True)
class Case:
    """One run.

    Attributes:
        kind: The link's.
        rates_bps: The uplink's, one after the other.
        size: Of the frames.
        rate_hz: Frames per second.
        offload: Whether frames are sent; else the edge only probes.
        part_s: How long each rate of the uplink lasts.
    """

    kind: Kind
    rates_bps: tuple[float, ...]
    size: str
    rate_hz: float
    offload: bool
    part_s: float

    @property
    def expected_s(self) -> float:
        """About how long it takes."""
        return _START_S + self.part_s * len(self.rates_bps)


def steady(kind: Kind, rate_bps: float, size: str, part_s: float, *, offload: bool) -> Case:
    """Frames that take half of the link, at most ten a second."""
    rate_hz = min(10.0, 0.5 * rate_bps / 8 / SIZES_BYTES[size])
    return Case(kind, (rate_bps,), size, rate_hz, offload, part_s)


def quick_cases() -> Iterator[Case]:
    kind = available_kinds()[0]
    for rate_bps in STEADY_BPS:
        yield steady(kind, rate_bps, "150kB", 5.0, offload=True)
    yield steady(kind, 20e6, "150kB", 5.0, offload=False)
    yield Case(kind, STEPS_BPS, "150kB", 5.0, True, 6.0)


def full_cases() -> Iterator[Case]:
    kinds: list[Kind] = [kind for kind in available_kinds() if kind != "emulator"]
    for kind in kinds or available_kinds():
        for rate_bps in STEADY_BPS:
            for size, offload in (("150kB", False), ("150kB", True), ("1MB", True)):
                yield steady(kind, rate_bps, size, 12.0, offload=offload)
        for size, rate_hz in (("150kB", 5.0), ("1MB", 1.0)):
            yield Case(kind, STEPS_BPS, size, rate_hz, True, 10.0)


def measure(case: Case) -> dict[str, Any]:
    """The estimate while the uplink takes its rates."""
    rtt_s = 0.0 if case.kind == "tbf" else RTT_S
    congestion = None if case.kind == "emulator" else CONGESTION
    run_s = case.part_s * len(case.rates_bps)
    with (
        open_link(case.rates_bps[0], rtt_s=rtt_s, kind=case.kind, congestion=congestion) as link,
        serving(link, case.size) as address,
    ):
        seen = watching(link, address, case.size, case.rate_hz, run_s, offload=case.offload)
        readings, changed_s = _read(link, seen, case.rates_bps, case.part_s)
        parts = list(_parts(readings, changed_s, case.rates_bps, link.goodput_share))
        told = {"congestion": link.congestion, "rtt_s": rtt_s, "bytes": SIZES_BYTES[case.size]}
    return {**told, "parts": parts, "readings": [[one.at_s - changed_s[0], one.uplink_bps] for one in readings]}


def _read(
    link: Link, seen: Iterable[Reading], rates_bps: Sequence[float], part_s: float
) -> tuple[list[Reading], list[float]]:
    """All readings, and when each rate began."""
    readings: list[Reading] = []
    changed_s = [time.monotonic()]
    for reading in seen:
        if not readings:
            changed_s = [reading.at_s]
        readings.append(reading)
        if len(changed_s) < len(rates_bps) and reading.at_s >= changed_s[0] + part_s * len(changed_s):
            link.set_uplink(rates_bps[len(changed_s)])
            changed_s.append(time.monotonic())
    return readings, changed_s


def _parts(
    readings: Sequence[Reading], changed_s: Sequence[float], rates_bps: Sequence[float], goodput_share: float
) -> Iterator[dict[str, Any]]:
    """What is told of each rate of the uplink: errors of the last half, and how long settling took."""
    ends_s = [*changed_s[1:], readings[-1].at_s + 1.0]
    for rate_bps, begin_s, end_s in zip(rates_bps, changed_s, ends_s, strict=True):
        during = [one for one in readings if begin_s <= one.at_s < end_s]
        errors = [(one.uplink_bps or 0.0) / (rate_bps * goodput_share) - 1 for one in during]
        last_off = max((i for i, error in enumerate(errors) if abs(error) > SETTLED), default=-1)
        settled = during[min(last_off + 1, len(during) - 1)]
        yield {
            "rate_bps": rate_bps,
            "goodput_bps": rate_bps * goodput_share,
            "begin_s": begin_s - changed_s[0],
            "errors": errors[len(errors) // 2 :],
            "settled": last_off + 1 < len(during),
            "seconds": settled.at_s - begin_s,
            "frames": settled.frames - during[0].frames,
        }


def measure_all(cases: Sequence[Case], journal: Journal) -> dict[str, Any]:
    """Measures every case that is not in the journal."""
    pacer = Pacer(sum(case.expected_s for case in cases if journal.get(asdict(case)) is None))
    rows = []
    for case in cases:
        cell = asdict(case)
        if journal.get(cell) is None:
            rates = ", ".join(f"{rate_bps / 1e6:g}" for rate_bps in case.rates_bps)
            pacer.say(f"{case.kind}, {rates} Mbit/s, {case.size if case.offload else 'probes'}")
            journal.put(cell, measure(case))
        rows.append({**cell, **journal.get(cell)})
    return {"link": links_used(rows), "rows": rows}


def main() -> None:
    options = arguments("The uplink estimate on steady links and steps.", full="all links and sizes").parse_args()
    cases = list(full_cases() if options.full else quick_cases())
    carry_out("estimators", options, lambda journal: measure_all(cases, journal), report)


if __name__ == "__main__":
    main()
