"""How near the uplink estimate comes to the link's goodput, and how fast it follows a step.

The real server and the real agent at the ends of shaped links. What gRPC adds to a tensor is under 1 % and counts as an
error. Steady: `frames` are uploads that measure by themselves, `probes` is an edge that never offloads and only probes.
Step: 20 to 4 Mbit/s and back, with frames.
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from bench.estimators.report import SETTLED, report
from bench.links.shaped import Kind, ShapedLink, available_kinds, links_used, open_link
from bench.links.upload_ends import SIZES_BYTES, Reading, serving, watching
from bench.publishing.harness import Benchmark, Run

STEADY_BPS = (2e6, 8e6, 20e6, 100e6)
STEPS_BPS = (20e6, 4e6, 20e6)
RTT_S = 0.02
CONGESTION = "cubic"

Cell = dict[str, Any]


def cell(kind: Kind, size: str, part_s: float, rates_bps: Sequence[float], *, hz: float = 0.0, sends: bool) -> Cell:
    """One run: each rate of the uplink lasts `part_s`; frames take half of the link, at most ten a second."""
    rate_hz = hz or min(10.0, 0.5 * rates_bps[0] / 8 / SIZES_BYTES[size])
    told = {"kind": kind, "rates_bps": rates_bps, "size": size, "rate_hz": rate_hz}
    return {**told, "offload": sends, "part_s": part_s}


def quick_cells() -> Iterator[Cell]:
    kind = available_kinds()[0]
    yield from (cell(kind, "150kB", 5.0, (rate_bps,), sends=True) for rate_bps in STEADY_BPS)
    yield cell(kind, "150kB", 5.0, (20e6,), sends=False)
    yield cell(kind, "150kB", 6.0, STEPS_BPS, hz=5.0, sends=True)


def full_cells() -> Iterator[Cell]:
    for kind in [kind for kind in available_kinds() if kind != "emulator"] or available_kinds():
        for rate_bps in STEADY_BPS:
            for size, sends in (("150kB", False), ("150kB", True), ("1MB", True)):
                yield cell(kind, size, 12.0, (rate_bps,), sends=sends)
        for size, hz in (("150kB", 5.0), ("1MB", 1.0)):
            yield cell(kind, size, 10.0, STEPS_BPS, hz=hz, sends=True)


def measure_run(
    kind: Kind, rates_bps: tuple[float, ...], size: str, rate_hz: float, *, offload: bool, part_s: float
) -> dict[str, Any]:
    """The estimate while the uplink takes its rates."""
    rtt_s = 0.0 if kind == "tbf" else RTT_S
    congestion = None if kind == "emulator" else CONGESTION
    with (
        open_link(rates_bps[0], rtt_s=rtt_s, kind=kind, congestion=congestion) as link,
        serving(link, size) as address,
    ):
        seen = watching(link, address, size, rate_hz, part_s * len(rates_bps), offload=offload)
        readings, changed_s = _read(link, seen, rates_bps, part_s)
    return {
        **cell(kind, size, part_s, rates_bps, hz=rate_hz, sends=offload),
        "congestion": link.congestion,
        "rtt_s": rtt_s,
        "bytes": SIZES_BYTES[size],
        "parts": list(_parts(readings, changed_s, rates_bps, link.goodput_share)),
        "readings": [[one.at_s - changed_s[0], one.uplink_bps] for one in readings],
    }


def _read(
    link: ShapedLink, seen: Iterable[Reading], rates_bps: Sequence[float], part_s: float
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


def measure(run: Run) -> dict[str, Any]:
    rows = run.cells(full_cells() if run.full else quick_cells(), measure_run)
    return {"link": links_used(rows), "rows": rows}


BENCHMARK = Benchmark(
    "estimators", "The uplink estimate on steady links and steps.", measure, report, full="all links and sizes"
)

if __name__ == "__main__":
    BENCHMARK.main()
