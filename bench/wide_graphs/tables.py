"""Split points of real and random graphs: how long they take to find and to answer, and what they prove."""

import random
import statistics
import time
import tracemalloc
from collections.abc import Callable
from typing import Any, TypeVar

from bench.wide_graphs.kinds import KINDS
from bench.wide_graphs.real import encodings, load
from partitioner import Link, Partition, TabledSplits, tabulate
from partitioner.searched.searched_splits import SearchedSplits
from partitioner.splits import Splits

# Rates are this share of the highest that the points reach.
RATE_SHARES = (0.5, 0.8, 0.9, 0.95)
_FEWEST_BPS, _MOST_BPS = 5e4, 1e9
_SLOWEST = 16.0
_REPEATS = 5

Answer = TypeVar("Answer")
Question = tuple[Link, dict[str, float]]


def measure_table(graph: str, encodings_: int, links: int, searches: int) -> dict[str, Any]:
    """Everything about one graph with some encodings.

    Args:
        graph: The name of a real graph, or of a kind of random ones with 200 layers.
        encodings_: How many encodings there are to choose from.
        links: How many links and loads are asked for.
        searches: How many of them are asked of a search too.
    """
    built, costs = KINDS[graph](200, 0) if graph in KINDS else load(graph)
    choices = encodings(built, encodings_)
    table, build_s = timed(lambda: tabulate(built, costs, choices))
    asked = questions(links)
    for link, loads in asked:  # the names of the splits are made once
        table.decide(link, 1.0, **loads)
        table.dsh(link, **loads)
    light = [_timed_often(lambda q=q: table.dsl(q[0], **q[1])) for q in asked]  # type: ignore[misc]  # a lambda's default
    heavy = [_timed_often(lambda q=q: table.dsh(q[0], **q[1])) for q in asked]  # type: ignore[misc]  # see above
    return {
        "graph": graph,
        "kind": "random" if graph in KINDS else "real",
        "layers": len(built),
        "encodings": encodings_,
        "build_s": build_s,
        "memory_mb": _memory_mb(lambda: tabulate(built, costs, choices)),
        "points": len(table),
        "light_us": _spread([took_s * 1e6 for _, took_s in light]),
        "heavy_us": _spread([took_s * 1e6 for _, took_s in heavy]),
        "light": _spread([split.latency_s / split.lower_bound_s for split, _ in light]),
        "heavy": _spread([split.bottleneck_s / split.lower_bound_s for split, _ in heavy]),
        "rates": {str(share): _spread(_at_rates(table, asked, share)) for share in RATE_SHARES},
        "searched": _searched(table, SearchedSplits(built, costs, choices), asked[:searches]),
    }


def questions(count: int) -> list[Question]:
    """Links and loads, the same each time: rates and factors spread evenly over their orders of magnitude."""
    rng = random.Random(1)  # noqa: S311  # conditions to ask for

    def between(low: float, high: float) -> float:
        return low * float((high / low) ** rng.random())

    return [
        (
            Link(between(_FEWEST_BPS, _MOST_BPS), between(_FEWEST_BPS, _MOST_BPS), 0.01),
            {name: between(0.5, _SLOWEST) for name in ("edge_load", "cloud_load")},
        )
        for _ in range(count)
    ]


def timed(call: Callable[[], Answer]) -> tuple[Answer, float]:
    """In processor seconds, as a call only computes, and on one thread: other work is left out."""
    begin = time.process_time()
    return call(), time.process_time() - begin


def _timed_often(call: Callable[[], Partition]) -> tuple[Partition, float]:
    """The fastest of a few: a decision is too short to be measured once."""
    found = [timed(call) for _ in range(_REPEATS)]
    return found[0][0], min(took_s for _, took_s in found)


def _at_rates(table: TabledSplits, asked: list[Question], share: float) -> list[float]:
    """What is proven of the latency at a rate below the highest."""
    ratios = []
    for link, loads in asked:
        most_hz = table.decide(link, 1e-9, **loads).max_rate_hz
        split = table.dsh(link, share * most_hz, **loads)
        ratios.append(split.latency_s / split.lower_bound_s)
    return ratios


def _searched(table: Splits, search: Splits, asked: list[Question]) -> dict[str, Any]:
    """The same questions to a search: seconds, and the table's answer over the search's."""
    light = [timed(lambda q=q: search.dsl(q[0], **q[1])) for q in asked]  # type: ignore[misc]  # a lambda's default
    heavy = [timed(lambda q=q: search.dsh(q[0], **q[1])) for q in asked]  # type: ignore[misc]  # see above
    ratios = [
        table.dsh(link, **loads).bottleneck_s / split.bottleneck_s
        for (link, loads), (split, _) in zip(asked, heavy, strict=True)
    ]
    return {
        "light_s": _spread([took_s for _, took_s in light]),
        "heavy_s": _spread([took_s for _, took_s in heavy]),
        "ratio": _spread(ratios),
    }


def _spread(numbers: list[float]) -> dict[str, float]:
    return {"median": statistics.median(numbers), "worst": max(numbers)}


def _memory_mb(call: Callable[[], TabledSplits]) -> float:
    """The most memory that a build takes, in a build of its own: tracing makes it slow."""
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()
