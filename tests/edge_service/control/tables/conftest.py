"""A small graph with two encodings, and a table over it that knows some of the splits and proves what a test says."""

import dataclasses
import math

import pytest

from partitioner import CostProfile, Encoding, Layer, LayerGraph
from partitioner.listed.split_table import SplitTable
from partitioner.searched.searched_splits import SearchedSplits

GRAPH = LayerGraph(
    (
        Layer("image", (), 150_000),
        Layer("stem", ("image",), 60_000),
        Layer("left", ("stem",), 30_000),
        Layer("right", ("stem",), 9_000),
        Layer("head", ("left", "right"), 4_000),
    ),
    ("head",),
)
COSTS = CostProfile((0.0, 0.1, 0.1, 0.1, 0.05), (0.0, 0.01, 0.01, 0.01, 0.005))
RAW = Encoding("raw", (150_000.0, 60_000.0, 30_000.0, 9_000.0, 4_000.0), (1e-3,) * 5, (0.0,) * 5)
ZSTD = Encoding("zstd", (90_000.0, math.inf, 9_000.0, 3_000.0, 4_000.0), (1e-2,) * 5, (2e-3,) * 5)


class PartlyProven:
    """A table of every split that proves only `share` of each answer's value."""

    def __init__(self, table, share):
        self.table, self.share = table, share
        self.asked = 0

    @property
    def costs(self):
        return self.table.costs

    @property
    def encodings(self):
        return self.table.encodings

    def dsl(self, *args, **loads):
        return self._proven(self.table.dsl(*args, **loads))

    def dsh(self, *args, **loads):
        return self._proven(self.table.dsh(*args, **loads))

    def decide(self, *args, **loads):
        decision = self.table.decide(*args, **loads)
        return dataclasses.replace(decision, partition=self._proven(decision.partition))

    def evaluate(self, *args, **options):
        return self.table.evaluate(*args, **options)

    def with_costs(self, costs):
        return PartlyProven(self.table.with_costs(costs), 0.0)

    def with_encodings(self, encodings):
        return PartlyProven(self.table.with_encodings(encodings), 0.0)

    def _proven(self, partition):
        self.asked += 1
        return dataclasses.replace(partition, lower_bound_s=self.share * partition.lower_bound_s)


@pytest.fixture
def graph():
    return GRAPH


@pytest.fixture
def searched():
    return SearchedSplits(GRAPH, COSTS, (RAW, ZSTD))


@pytest.fixture
def table_of():
    """Makes a table for numbers."""
    return lambda numbers, share=1.0: PartlyProven(
        SplitTable(numbers.graph, numbers.costs, encodings=numbers.encodings), share
    )
