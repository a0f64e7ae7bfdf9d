"""How near the uplink estimate comes to the link's goodput, and how fast it follows a step.

The real server and the real agent at the ends of shaped links. What gRPC adds to a tensor is under 1 % and counts as an
error. Steady: `frames` are uploads that measure by themselves, `probes` is an edge that never offloads and only probes.
Step: 20 to 4 Mbit/s and back, with frames.
"""

import time
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

from bench.estimators.report import SETTLED, report
from bench.links.shaped import Kind, available_kinds, links_used, open_link
from bench.links.upload_ends import SIZES_BYTES, Reading, serving, watching
from bench.publishing.harness import Benchmark, Run

STEADY_BPS = (2e6, 8e6, 20e6, 100e6)
STEPS_BPS = (20e6, 4e6, 20e6)
RTT_S = 0.02
CONGESTION = "cubic"

# One run: each rate of the uplink lasts `part_s`; the edge offloads, or only probes.
Cell = dict[str, Any]


def cell(kind: Kind, size: str, part_s: float, rates_bps: Sequence[float], rate_hz: float, *, offload: bool) -> Cell:
    told = {"kind": kind, "rates_bps": rates_bps, "size": size, "rate_hz": rate_hz}
    return {**told, "offload": offload, "part_s": part_s}


def steady(kind: Kind, size: str, part_s: float, rate_bps: float, *, offload: bool = True) -> Cell:
    """Frames take half of the link, at most ten a second."""
    rate_hz = min(10.0, 0.5 * rate_bps / 8 / SIZES_BYTES[size])
    return cell(kind, size, part_s, (rate_bps,), rate_hz, offload=offload)


def quick_cells() -> Iterator[Cell]:
    kind = available_kinds()[0]
    yield from (steady(kind, "150kB", 5.0, rate_bps) for rate_bps in STEADY_BPS)
    yield steady(kind, "150kB", 5.0, 20e6, offload=False)
    yield cell(kind, "150kB", 6.0, STEPS_BPS, 5.0, offload=True)


def full_cells() -> Iterator[Cell]:
    for kind in [kind for kind in available_kinds() if kind != "emulator"] or available_kinds():
        for rate_bps, (size, sends) in product(STEADY_BPS, (("150kB", False), ("150kB", True), ("1MB", True))):
            yield steady(kind, size, 12.0, rate_bps, offload=sends)
        yield from (cell(kind, size, 10.0, STEPS_BPS, hz, offload=True) for size, hz in (("150kB", 5.0), ("1MB", 1.0)))


def measure_run(
    kind: Kind, rates_bps: Sequence[float], size: str, rate_hz: float, offload: bool, part_s: float
) -> Cell:
    rtt_s = 0.0 if kind == "tbf" else RTT_S
    congestion = None if kind == "emulator" else CONGESTION
    readings: list[Reading] = []
    changed_s: list[float] = []  # when each rate began
    with open_link(rates_bps[0], rtt_s=rtt_s, kind=kind, congestion=congestion) as link, serving(link, size) as address:
        for reading in watching(link, address, size, rate_hz, part_s * len(rates_bps), offload=offload):
            readings.append(reading)
            if not changed_s:
                changed_s.append(reading.at_s)
            elif len(changed_s) < len(rates_bps) and reading.at_s >= changed_s[0] + part_s * len(changed_s):
                link.set_uplink(rates_bps[len(changed_s)])
                changed_s.append(time.monotonic())
        goodputs_bps = [rate_bps * link.goodput_share for rate_bps in rates_bps]
    ends_s = [*changed_s[1:], readings[-1].at_s + 1.0]
    parts = zip(rates_bps, goodputs_bps, changed_s, ends_s, strict=True)
    told = {"size": size, "rate_hz": rate_hz, "offload": offload, **link.used, "rtt_s": rtt_s}
    told |= {"bytes": SIZES_BYTES[size], "readings": [[one.at_s - changed_s[0], one.uplink_bps] for one in readings]}
    return {**told, "parts": [_part(readings, changed_s[0], *part) for part in parts]}


def _part(
    readings: list[Reading], zero_s: float, rate_bps: float, goodput_bps: float, begin_s: float, end_s: float
) -> dict[str, Any]:
    """What is told of one rate of the uplink: errors of the last half, and how long settling took."""
    during = [one for one in readings if begin_s <= one.at_s < end_s]
    errors = [(one.uplink_bps or 0.0) / goodput_bps - 1 for one in during]
    last_off = max((i for i, error in enumerate(errors) if abs(error) > SETTLED), default=-1)
    settled = during[min(last_off + 1, len(during) - 1)]
    return {
        "rate_bps": rate_bps,
        "goodput_bps": goodput_bps,
        "begin_s": begin_s - zero_s,
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
