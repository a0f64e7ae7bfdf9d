"""How long the whole model takes in one engine and in another: alternating runs, so that both meet the same machine."""

from collections.abc import Mapping
from itertools import count
from time import perf_counter

from split_model.choosing.agreement import PartMaker, whole_parts
from split_model.definition import Definition
from split_model.engines.engine import Part
from split_model.values import Value

__all__ = ["seconds"]

_SOON_S = 0.5  # so long are fast models run, however often that is
_RUNS = 7
_LATE_S = 4.0
_LEAST_RUNS = 3


def seconds(
    definition: Definition, feeds: Mapping[str, Value], one: PartMaker, other: PartMaker
) -> tuple[float, float]:
    """The seconds of either: the least of several runs, because other processes only ever add to it."""
    whole = [[make(spec) for spec in whole_parts(definition)] for make in (one, other)]
    least, began_s = [float("inf")] * 2, perf_counter()
    for parts in whole:
        _run(parts, feeds)  # the first runs allocate memory and choose kernels
    for number in count():
        elapsed_s = perf_counter() - began_s
        if number >= _LEAST_RUNS and elapsed_s > (_LATE_S if number < _RUNS else _SOON_S):
            break
        for index, parts in enumerate(whole):
            least[index] = min(least[index], _run(parts, feeds))
    return least[0], least[1]


def _run(parts: list[Part], feeds: Mapping[str, Value]) -> float:
    values = dict(feeds)
    began_s = perf_counter()
    for part in parts:
        values |= part.run(values).layers
    return perf_counter() - began_s
