"""The table and the search answer alike, whatever they are asked."""

import math

import pytest

from partitioner import CostProfile, Encoding, Layer, LayerGraph, Link, PartitionError, SplitTable, splits_of
from partitioner.searched.searched_splits import SearchedSplits

GRAPH = LayerGraph(
    (
        Layer("image", (), 150_000),
        Layer("stem", ("image",), 200_000),
        Layer("left", ("stem",), 40_000),
        Layer("right", ("stem",), 30_000),
        Layer("join", ("left", "right"), 4_000),
    ),
    ("join",),
)
COSTS = CostProfile((0.0, 0.02, 0.05, 0.04, 0.01), (0.0, 0.002, 0.005, 0.004, 0.001))
RAW = Encoding.raw(GRAPH)
HALF = Encoding("half", tuple(size / 2 for size in RAW.output_bytes), (0.004,) * 5, (0.002,) * 5)
TINY = Encoding("tiny", (math.inf, 20_000, 4_000, 3_000, 400), (0.02,) * 5, (0.01,) * 5)
LOADS = {"edge_load": 2.0, "cloud_load": 3.0}


@pytest.mark.parametrize("encodings", [(), (RAW, HALF, TINY), (TINY,)], ids=["none", "three", "one"])
@pytest.mark.parametrize("rate_hz", [0.5, 5.0, 50.0])
@pytest.mark.parametrize("bps", [1e5, 1e6, 4e6, 2e7, 1e8, 1e9])
def test_the_search_agrees_with_the_table(bps, rate_hz, encodings):
    table = SplitTable(GRAPH, COSTS).with_encodings(encodings)
    searched = SearchedSplits(GRAPH, COSTS).with_encodings(encodings)
    link = Link(bps, fixed_s=0.02)
    one = table.decide(link, rate_hz, **LOADS)
    other = searched.decide(link, rate_hz, **LOADS)
    assert (other.mode, other.keeps_up) == (one.mode, one.keeps_up)
    assert other.partition.encoding == one.partition.encoding
    assert other.partition.latency_s == pytest.approx(one.partition.latency_s)
    assert other.max_rate_hz <= one.max_rate_hz * (1 + 1e-9)
    chosen = one.partition
    for splits in (table, searched):
        again = splits.evaluate(chosen.edge, link, encoding=chosen.encoding, **LOADS)
        assert (again.edge_s, again.cloud_s) == pytest.approx((chosen.edge_s, chosen.cloud_s))
        assert (again.encode_s, again.decode_s) == pytest.approx((chosen.encode_s, chosen.decode_s))


def test_encodings_are_kept_when_times_change():
    splits = SearchedSplits(GRAPH, COSTS, (HALF,)).with_costs(COSTS)
    assert splits.decide(Link(1e7), 0.5).partition.encoding == "half"


def test_an_unknown_encoding_is_named_by_either():
    for splits in (SplitTable(GRAPH, COSTS, encodings=(RAW, HALF)), SearchedSplits(GRAPH, COSTS, (RAW, HALF))):
        with pytest.raises(PartitionError, match=r"'zip'.*'raw', 'half'"):
            splits.evaluate(frozenset({"image"}), Link(1e6), encoding="zip")


@pytest.mark.parametrize("branches", [2, 40])
def test_splits_of_takes_encodings(branches):
    names = tuple(f"b{i}" for i in range(branches))
    layers = (Layer("image", (), 10_000), *(Layer(name, ("image",), 100) for name in names), Layer("join", names, 10))
    graph = LayerGraph(layers, ("join",))
    count = len(graph)
    half = Encoding("half", (5_000.0,) * count, (0.0,) * count, (0.0,) * count)
    splits = splits_of(graph, CostProfile((1.0,) * count, (0.01,) * count), (Encoding.raw(graph), half))
    assert splits.listed == (branches == 2)
    assert splits.decide(Link(1e6), 0.1).partition.encoding == "half"
