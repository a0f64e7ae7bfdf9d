"""A frame's tensor to the cloud and its answer back, against a plain TCP socket carrying the same bytes.

Run with `make bench ARGS=rpc_overhead` (over a minute) or `make bench-full ARGS=rpc_overhead` (a quarter of an
hour: slower links, larger tensors on them, more repeats; resumable). Two processes, a core each. Through gRPC the whole
path is timed: from a numpy array on the edge to a torch tensor in the cloud, a tail that takes 1 kB out of it, and the
answer's array on the edge; through `StreamTails` as an agent's frames go, and through `RunTail`. The raw socket moves
the same bytes both ways and does nothing with them; so does a stream of bare gRPC, which shows how much of the rest is
not ours. Both processes keep freed memory, as the services do.

On loopback, and over shaped links: the kernel's token bucket, which has no delay, so that nothing hides what gRPC adds;
and a link with a round trip of 20 ms.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from bench.links.shaped import Kind, Link, available_kinds, links_used, open_link
from bench.publishing.journal import Journal
from bench.publishing.pacer import Pacer
from bench.publishing.publish import arguments, carry_out
from bench.rpc_overhead.report import report

SIZES = (10_000, 100_000, 1_000_000, 4_000_000, 16_000_000)
RTT_S = 0.02
LEAST_TBF_BYTES = 100_000
_START_S = 4.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured.

    Attributes:
        rates_bps: Of the shaped links.
        longest_s: What takes longer to pass a link is left out.
        loopback_scale: Factor on the number of repeats on loopback.
        link_s: About how long a size is measured on a link.
    """

    rates_bps: tuple[float, ...]
    longest_s: float
    loopback_scale: float
    link_s: float

    def repeats(self, size_bytes: int, rate_bps: float | None) -> int:
        """How many round trips of each way; more of what is quick."""
        if rate_bps is None:
            return max(20, round(self.loopback_scale * min(1000, 3e8 / size_bytes)))
        return max(3, min(50, round(self.link_s / 4 / _passing_s(size_bytes, rate_bps))))

    def turns(self, kind: Kind | None, rate_bps: float | None) -> list[tuple[int, int]]:
        """Sizes, and how many round trips of each."""
        sizes = [size for size in SIZES if rate_bps is None or _passing_s(size, rate_bps) <= self.longest_s]
        # What fits into tbf's bucket passes as if there were no link.
        sizes = [size for size in sizes if kind != "tbf" or size >= LEAST_TBF_BYTES]
        return [(size, self.repeats(size, rate_bps)) for size in sizes]


QUICK = Plan(rates_bps=(20e6, 100e6), longest_s=0.5, loopback_scale=0.5, link_s=4.5)
FULL = Plan(rates_bps=(2e6, 8e6, 20e6, 100e6), longest_s=8.0, loopback_scale=2.0, link_s=24.0)


def _passing_s(size_bytes: int, rate_bps: float) -> float:
    return 8 * size_bytes / rate_bps + RTT_S


def cells(plan: Plan) -> Iterator[dict[str, Any]]:
    """One for each link; loopback has neither kind nor rate."""
    yield {"kind": None, "rate_bps": None, "rtt_s": 0.0, "turns": plan.turns(None, None)}
    kinds: list[Kind] = [kind for kind in available_kinds() if kind != "emulator"]
    for kind in sorted(kinds or available_kinds()):
        for rate_bps in plan.rates_bps:
            rtt_s = 0.0 if kind == "tbf" else RTT_S
            yield {"kind": kind, "rate_bps": rate_bps, "rtt_s": rtt_s, "turns": plan.turns(kind, rate_bps)}


def expected_s(cell: dict[str, Any]) -> float:
    """About how long a cell takes."""
    rate_bps: float | None = cell["rate_bps"]
    seconds = _START_S
    for size, repeats in cell["turns"]:
        seconds += (
            repeats * (0.003 + 6e-9 * size) if rate_bps is None else 4 * (repeats + 2) * _passing_s(size, rate_bps)
        )
    return seconds


class Loopback:
    """The machine's own network, where a link is expected."""

    listen = "127.0.0.1:0"
    congestion = ""

    def on_cloud(self, command: Sequence[str]) -> list[str]:
        """The command as it is."""
        return list(command)

    def on_edge(self, command: Sequence[str]) -> list[str]:
        """The command as it is."""
        return list(command)

    def dial(self, port: int) -> str:
        """The port's address."""
        return f"127.0.0.1:{port}"


@contextlib.contextmanager
def place(cell: dict[str, Any]) -> Iterator[Link | Loopback]:
    if cell["kind"] is None:
        yield Loopback()
        return
    with open_link(cell["rate_bps"], rtt_s=cell["rtt_s"], kind=cell["kind"]) as link:
        yield link


def measure(cell: dict[str, Any]) -> list[dict[str, Any]]:
    """Seconds of every round trip of each size over one link."""
    sizes = [str(size) for size, _ in cell["turns"]]
    this = [sys.executable, "-m", "bench.rpc_overhead.ends", "--sizes", *sizes]
    with place(cell) as link:
        serving = link.on_cloud([*this, "--serve", link.listen])
        with subprocess.Popen(serving, stdout=subprocess.PIPE, text=True) as cloud:
            try:
                lines = (line.split() for line in cloud.stdout or ())
                ports = next(list(map(int, words)) for words in lines if len(words) == 3 and words[0].isdecimal())
                told = []
                for option, port in zip(("--service", "--bare", "--raw"), ports, strict=True):
                    told += [option, link.dial(port)]
                told += ["--warmup", "10" if cell["kind"] is None else "2"]
                told += ["--repeats", *(str(repeats) for _, repeats in cell["turns"])]
                driving = link.on_edge([*this, *told])
                done = subprocess.run(driving, stdout=subprocess.PIPE, text=True, check=True)
            finally:
                cloud.terminate()
        congestion = link.congestion
    measured = json.loads(done.stdout.splitlines()[-1])
    return [
        {"congestion": congestion, "bytes": size, "repeats": repeats, **told}
        for (size, repeats), told in zip(cell["turns"], measured, strict=True)
    ]


def measure_all(plan: Plan, journal: Journal) -> dict[str, Any]:
    """Measures every cell that is not in the journal."""
    everything = list(cells(plan))
    pacer = Pacer(sum(expected_s(cell) for cell in everything if journal.get(cell) is None))
    rows = []
    for cell in everything:
        if journal.get(cell) is None:
            where = "loopback" if cell["kind"] is None else f"{cell['kind']}, {cell['rate_bps'] / 1e6:g} Mbit/s"
            pacer.say(f"{where}: about {expected_s(cell):.0f} s")
            journal.put(cell, measure(cell))
        about = {name: value for name, value in cell.items() if name != "turns"}
        rows += [{**about, **row} for row in journal.get(cell)]
    return {"link": links_used(rows), "rows": rows}


def main() -> None:
    options = arguments("What gRPC adds to the bytes of a tensor.", full="slower links, more repeats").parse_args()
    carry_out("rpc_overhead", options, lambda journal: measure_all(FULL if options.full else QUICK, journal), report)


if __name__ == "__main__":
    main()
