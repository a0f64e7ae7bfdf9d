"""Predicted against measured transfer of the running system on links that are idle between frames.

Run with `make bench ARGS=idle_link` (about a minute) or `make bench-full ARGS=idle_link` (half an hour; resumable). A
cloud process and an edge process, the real server and the real agent, at both ends of a `packets` link, where TCP's
slow start after idle is real. Every frame is one tensor that is sent whole; nothing is computed.

Each rate begins with an agent that knows nothing; its first frame is left out. Pauses of 25 s, at 0.04 frames per
second, are those that the agent does not keep the connection warm for.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from itertools import product
from typing import Any

from bench.idle_link.report import report
from bench.links.shaped import available_kinds, links_used, open_link
from bench.links.upload_ends import SIZES_BYTES, driving, serving
from bench.publishing.journal import Journal
from bench.publishing.pacer import Pacer
from bench.publishing.publish import arguments, carry_out

_START_S = 6.0


@dataclass(frozen=True, slots=True)
class Case:
    """One link and one size of frames."""

    uplink_bps: float
    rtt_s: float
    congestion: str
    size: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured.

    Attributes:
        cases: Links and sizes.
        frames: Frames per second, and how many of them.
        at_a_time: Links that are measured beside each other: both are idle nearly always.
    """

    cases: tuple[Case, ...]
    frames: tuple[tuple[float, int], ...]
    at_a_time: int

    def expected_s(self, cases: int) -> float:
        """About how long so many links take."""
        case_s = _START_S + sum(count / rate_hz + 1.0 for rate_hz, count in self.frames)
        return case_s * -(-cases // self.at_a_time)


QUICK = Plan(
    cases=(Case(20e6, 0.05, "cubic", "150kB"), Case(100e6, 0.05, "cubic", "1MB")),
    frames=((0.1, 4), (1.0, 16), (5.0, 15), (20.0, 30)),
    at_a_time=2,
)
FULL = Plan(
    # Neighbours run together: a slow link beside a fast one.
    cases=tuple(
        Case(uplink_bps, rtt_s, congestion, size)
        for rtt_s, congestion, size, uplink_bps in product(
            (0.01, 0.05), ("cubic", "bbr"), ("150kB", "1MB"), (20e6, 100e6)
        )
    ),
    frames=((0.04, 4), (0.1, 6), (1.0, 15), (5.0, 30), (20.0, 60)),
    at_a_time=2,
)


def measure(case: Case, frames: Sequence[tuple[float, int]]) -> dict[str, Any]:
    """Runs every rate over one link. Where there are no `packets`, TCP is the machine's own and starts slowly never."""
    kind = available_kinds()[0]
    congestion = case.congestion if kind == "packets" else None
    with (
        open_link(case.uplink_bps, rtt_s=case.rtt_s, kind=kind, congestion=congestion) as link,
        serving(link, case.size) as address,
    ):
        told = driving(link, address, case.size, frames)
        size_bytes = SIZES_BYTES[case.size]
        return {
            "kind": link.kind,
            "congestion": link.congestion,
            "bytes": size_bytes,
            "always_ready_s": 8 * size_bytes / (case.uplink_bps * link.goodput_share) + case.rtt_s,
            "frames": [asdict(frame) for frame in told],
        }


def measure_all(plan: Plan, journal: Journal) -> dict[str, Any]:
    """Measures every link that is not in the journal."""
    keys = {case: {**asdict(case), "plan": [list(pair) for pair in plan.frames]} for case in plan.cases}
    missing = [case for case in plan.cases if journal.get(keys[case]) is None]
    pacer = Pacer(plan.expected_s(len(missing)))
    with ThreadPoolExecutor(plan.at_a_time) as pool:
        for case, measured in zip(missing, pool.map(lambda case: measure(case, plan.frames), missing), strict=True):
            journal.put(keys[case], measured)
            at = f"{case.uplink_bps / 1e6:g} Mbit/s, {1000 * case.rtt_s:g} ms, {case.congestion}, {case.size}"
            pacer.say(f"{at}: done")
    rows = [{**asdict(case), **journal.get(keys[case])} for case in plan.cases]
    return {"link": links_used(rows), "rows": rows}


def main() -> None:
    options = arguments("Predicted against measured transfer on idle links.", full="all links and sizes").parse_args()
    carry_out("idle_link", options, lambda journal: measure_all(FULL if options.full else QUICK, journal), report)


if __name__ == "__main__":
    main()
