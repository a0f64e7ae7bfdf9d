"""A few splits answer as a table of just these would."""

import math
import random

import pytest

from edge_service.control.tables.among import Among
from partitioner import CostProfile, Encoding, Layer, LayerGraph, Link, SplitTable

NAMES = ("image", "conv", "pool", "fc")
SIZES = (90_000, 200_000, 20_000, 400)
GRAPH = LayerGraph(
    tuple(
        Layer(name, (before,) if before else (), size)
        for name, before, size in zip(NAMES, (None, *NAMES), SIZES, strict=False)
    ),
    ("fc",),
)
COSTS = CostProfile((0.0, 0.2, 0.1, 0.1), (0.0, 0.02, 0.01, 0.01))
RAW = Encoding.raw(GRAPH)
HALF = Encoding("half", (math.inf, *(size / 2 for size in SIZES[1:])), (0.01,) * 4, (0.001,) * 4)
TABLE = SplitTable(GRAPH, COSTS, encodings=(RAW, HALF))
EDGES = [frozenset(NAMES[:count]) for count in range(1, 5)]
RANDOM = random.Random(1)


def links(count=40):
    return [Link(10 ** RANDOM.uniform(4, 9), fixed_s=RANDOM.choice((0.0, 0.05))) for _ in range(count)]


def test_all_splits_answer_as_the_table_does():
    among = Among(TABLE, EDGES)
    assert (among.listed, among.graph, among.costs, among.encodings) == (True, GRAPH, COSTS, (RAW, HALF))
    for link in links():
        for rate_hz in (0.1, 3.0, 50.0):
            ours, theirs = among.decide(link, rate_hz), TABLE.decide(link, rate_hz)
            assert (ours.mode, ours.keeps_up) == (theirs.mode, theirs.keeps_up)
            assert ours.max_rate_hz == pytest.approx(theirs.max_rate_hz)
            assert ours.partition.latency_s == pytest.approx(theirs.partition.latency_s)
        assert among.dsl(link).latency_s == pytest.approx(TABLE.dsl(link).latency_s)
        assert among.dsh(link, 3.0).bottleneck_s == pytest.approx(TABLE.dsh(link, 3.0).bottleneck_s)
        assert among.dsh(link).bottleneck_s == pytest.approx(TABLE.dsh(link).bottleneck_s)


def test_only_the_given_splits_are_answers():
    pair = [EDGES[0], EDGES[2]]
    among = Among(TABLE, pair)
    found = {(one.edge, one.encoding) for link in links() for one in [among.dsl(link), among.dsh(link)]}
    assert {edge for edge, _ in found} == set(pair)
    assert {encoding for _, encoding in found} == {"raw", "half"}


def test_a_split_that_cannot_be_sent_is_no_answer_unless_alone():
    walled = LayerGraph(GRAPH.layers, GRAPH.outputs, max_message_bytes=50_000)
    table = SplitTable(walled, COSTS)
    assert Among(table, [EDGES[0], EDGES[3]]).dsl(Link(1e9)).edge == EDGES[3]
    assert Among(table, [EDGES[0]]).dsl(Link(1e9)).transfer_s == math.inf


def test_other_prices_are_used():
    among = Among(TABLE, EDGES)
    swapped = CostProfile(COSTS.cloud_s, COSTS.edge_s)
    assert among.dsl(Link(1e9)).edge == EDGES[0]
    assert among.with_costs(swapped).dsl(Link(1e9)).edge == EDGES[3]
    assert among.with_encodings((RAW,)).dsl(Link(1e6)).encoding == "raw"
