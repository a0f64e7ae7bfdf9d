import math

import pytest

from partitioner import CostProfile, Layer, LayerGraph, Link, PartitionError, SplitTable, decide, dsh, dsl, evaluate
from partitioner.searched.searched_splits import SearchedSplits

GRAPH = LayerGraph((Layer("image", (), 10), Layer("conv", ("image",), 10)), ("conv",))
GOOD = CostProfile((0.0, 1.0), (0.0, 1.0))
LINK = Link(1e6)

QUESTIONS = {
    "dsl": lambda costs: dsl(GRAPH, costs, LINK),
    "dsh": lambda costs: dsh(GRAPH, costs, LINK),
    "decide": lambda costs: decide(GRAPH, costs, LINK, 1.0),
    "evaluate": lambda costs: evaluate(GRAPH, costs, LINK, {"image"}),
    "table": lambda costs: SplitTable(GRAPH, costs),
    "with_costs": lambda costs: SplitTable(GRAPH, GOOD).with_costs(costs),
}


@pytest.mark.parametrize("ask", QUESTIONS.values(), ids=QUESTIONS)
@pytest.mark.parametrize("side", ["edge_s", "cloud_s"])
@pytest.mark.parametrize("seconds", [-1e-9, math.nan, math.inf, "1", None])
def test_bad_times_name_side_and_layer(ask, side, seconds):
    times = {"edge_s": (0.0, 1.0), "cloud_s": (0.0, 1.0), side: (0.0, seconds)}
    with pytest.raises(PartitionError, match=f"'conv': {side}"):
        ask(CostProfile(**times))


@pytest.mark.parametrize("ask", QUESTIONS.values(), ids=QUESTIONS)
def test_missing_times_name_the_first_layer_without(ask):
    with pytest.raises(PartitionError, match=r"1 times for 2 layers.*'conv'"):
        ask(CostProfile((0.0, 1.0), (0.0,)))


def test_too_many_times():
    with pytest.raises(PartitionError, match="3 times for 2 layers"):
        dsl(GRAPH, CostProfile((0.0, 1.0, 2.0), (0.0, 1.0)), LINK)


def test_times_that_add_up_to_infinity():
    with pytest.raises(PartitionError, match="infinity"):
        dsl(GRAPH, CostProfile((1e308, 1e308), (0.0, 1.0)), LINK)


@pytest.mark.parametrize("rate", [0, 0.0, -1.0, math.nan, -math.inf, "20Mbit/s", None])
@pytest.mark.parametrize("direction", ["uplink_bps", "downlink_bps"])
def test_bad_rates(rate, direction):
    with pytest.raises(PartitionError, match=direction):
        Link(**{"uplink_bps": 1e6, direction: rate})


@pytest.mark.parametrize("fixed_s", [-1.0, math.nan, math.inf])
def test_bad_fixed_time(fixed_s):
    with pytest.raises(PartitionError, match="fixed_s"):
        Link(1e6, fixed_s=fixed_s)


def test_link_defaults():
    link = Link(1e6)
    assert link.downlink_bps == math.inf
    assert link.fixed_s == 0.0


def test_bits_are_not_bytes():
    assert Link(8e6).transfer_s(1e6, 1e6) == 1.0
    assert Link(8e6, 4e6).transfer_s(1e6, 1e6) == 3.0
    assert Link(math.inf).transfer_s(1e6, 1e6) == 0.0


@pytest.mark.parametrize("rate_hz", [0, -1.0, math.nan])
@pytest.mark.parametrize("ask", [decide, dsh])
def test_bad_frame_rate(ask, rate_hz):
    with pytest.raises(PartitionError, match="rate_hz"):
        ask(GRAPH, GOOD, LINK, rate_hz)


@pytest.mark.parametrize("load", [-1.0, math.nan, math.inf])
@pytest.mark.parametrize("side", ["edge_load", "cloud_load"])
@pytest.mark.parametrize("splits", [SplitTable(GRAPH, GOOD), SearchedSplits(GRAPH, GOOD)], ids=["listed", "searched"])
def test_bad_load(side, load, splits):
    with pytest.raises(PartitionError, match=side):
        splits.dsl(LINK, **{side: load})
