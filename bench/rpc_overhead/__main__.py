"""A frame's tensor to the cloud and its answer back, against a plain TCP socket carrying the same bytes.

Two processes, a core each, which keep freed memory as the services do. The tensor goes through `StreamTails` as an
agent's frames do, and through `RunTail`; so does a stream of bare gRPC, which shows how much of the rest is not ours.
On loopback, over the kernel's token bucket, and over a link with a round trip of 20 ms.
"""

from collections.abc import Iterator
from contextlib import nullcontext
from itertools import chain, product
from typing import Any

from bench.child import end, started
from bench.links.shaped import Kind, available_kinds, links_used, loopback, open_link
from bench.publishing.harness import Benchmark, Run
from bench.rpc_overhead.report import report

SIZES = (10_000, 100_000, 1_000_000, 4_000_000, 16_000_000)
RTT_S = 0.02
LEAST_TBF_BYTES = 100_000  # what fits into tbf's bucket passes as if there were no link
QUICK_RATES_BPS, FULL_RATES_BPS = (20e6, 100e6), (2e6, 8e6, 20e6, 100e6)
# What takes longer to pass a link is left out; about how long a size is measured on a link.
QUICK_LONGEST_S, FULL_LONGEST_S = 0.5, 8.0
QUICK_LINK_S, FULL_LINK_S = 4.5, 24.0
QUICK_LOCAL_TURNS, FULL_LOCAL_TURNS = 500, 2000

# Sizes, and how many round trips of each way.
Turns = list[tuple[int, int]]


def local_turns(*, full: bool) -> Turns:
    """On loopback there are more of what is quick."""
    most = FULL_LOCAL_TURNS if full else QUICK_LOCAL_TURNS
    return [(size, max(20, round(min(most, most * 3e5 / size)))) for size in SIZES]


def link_turns(kind: Kind, rate_bps: float, *, full: bool) -> Turns:
    longest_s, link_s = (FULL_LONGEST_S, FULL_LINK_S) if full else (QUICK_LONGEST_S, QUICK_LINK_S)
    passing_s = {size: 8 * size / rate_bps + RTT_S for size in SIZES if kind != "tbf" or size >= LEAST_TBF_BYTES}
    return [(size, max(3, min(50, round(link_s / 4 / s)))) for size, s in passing_s.items() if s <= longest_s]


def cells(*, full: bool) -> Iterator[dict[str, Any]]:
    """One for each link; loopback has neither kind nor rate."""
    yield {"kind": None, "rate_bps": None, "rtt_s": 0.0, "turns": local_turns(full=full)}
    kinds: list[Kind] = [kind for kind in available_kinds() if kind != "emulator"]
    for kind, rate_bps in product(sorted(kinds or available_kinds()), FULL_RATES_BPS if full else QUICK_RATES_BPS):
        link = {"kind": kind, "rate_bps": rate_bps, "rtt_s": 0.0 if kind == "tbf" else RTT_S}
        yield {**link, "turns": link_turns(kind, rate_bps, full=full)}


def measure_link(kind: Kind | None, rate_bps: float | None, rtt_s: float, turns: Turns) -> list[dict[str, Any]]:
    shaped = nullcontext(loopback()) if rate_bps is None else open_link(rate_bps, rtt_s=rtt_s, kind=kind)
    sizes = [size for size, _ in turns]
    with shaped as link, started(link.on_cloud(end("bench.rpc_overhead.ends:serve", link.listen, sizes))) as cloud:
        addresses = [link.dial(port) for port in cloud.hear()]
        warmup = 10 if kind is None else 2
        with started(link.on_edge(end("bench.rpc_overhead.ends:drive", addresses, turns, warmup))) as edge:
            measured = edge.hear()
    about = {**link.used, "rate_bps": rate_bps, "rtt_s": rtt_s}
    return [{**about, "bytes": size, "repeats": n, **told} for (size, n), told in zip(turns, measured, strict=True)]


def measure(run: Run) -> dict[str, Any]:
    rows = list(chain.from_iterable(run.cells(cells(full=run.full), measure_link)))
    return {"link": links_used(rows), "rows": rows}


BENCHMARK = Benchmark(
    "rpc_overhead", "What gRPC adds to the bytes of a tensor.", measure, report, full="slower links, more repeats"
)

if __name__ == "__main__":
    BENCHMARK.main()
