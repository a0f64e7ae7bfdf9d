import pytest
from hypothesis import given, settings
from random_graphs import assert_priced_right, closed_sets, problems

from partitioner import CostProfile, Layer, LayerGraph, Link, PartitionError, evaluate

DIAMOND = LayerGraph(
    (
        Layer("image", (), 1000),
        Layer("stem", ("image",), 100),
        Layer("left", ("stem",), 10),
        Layer("right", ("stem", "image"), 20),
        Layer("join", ("left", "right"), 1),
    ),
    ("join", "left"),
)
COSTS = CostProfile((0.0, 1.0, 2.0, 4.0, 8.0), (0.0, 0.1, 0.2, 0.4, 0.8))
LINK = Link(8.0, 4.0, fixed_s=0.5)


@given(problems(max_layers=8))
@settings(max_examples=100, deadline=None)
def test_every_closed_set_costs_what_the_definitions_say(problem):
    for edge in closed_sets(problem[0]):
        split = evaluate(*problem, edge)
        assert split.edge == edge
        assert_priced_right(problem, split)


def test_each_tensor_is_sent_once():
    split = evaluate(DIAMOND, COSTS, LINK, {"image", "stem"})
    assert split.cut == ("image", "stem")
    # 1,000 + 100 bytes up at a byte a second, 10 + 1 bytes of outputs down at half of that.
    assert split.transfer_s == pytest.approx(1100 + 22)
    assert split.fixed_s == 0.5


def test_an_output_on_the_edge_does_not_come_down():
    split = evaluate(DIAMOND, COSTS, LINK, ["image", "stem", "left"])
    assert split.cut == ("image", "stem", "left")
    assert split.transfer_s == pytest.approx(1110 + 2)


def test_edge_only_sends_nothing_and_pays_no_fixed_time():
    split = evaluate(DIAMOND, COSTS, LINK, {"image", "stem", "left", "right", "join"})
    assert split.cut == ()
    assert (split.transfer_s, split.cloud_s, split.fixed_s) == (0.0, 0.0, 0.0)
    assert split.latency_s == split.bottleneck_s == 15.0


def test_fixed_time_counts_in_latency_but_not_in_the_bottleneck():
    graph = LayerGraph((Layer("image", (), 0), Layer("conv", ("image",), 0)), ("conv",))
    split = evaluate(graph, CostProfile((0.0, 1.0), (0.0, 1.0)), Link(1.0, fixed_s=10.0), {"image"})
    assert split.latency_s == 11.0
    assert split.bottleneck_s == 1.0


@pytest.mark.parametrize(
    ("edge", "message"),
    [
        ({"image", "nothing"}, "'nothing'"),
        (set(), "lacks 'image'"),
        ({"stem"}, "lacks 'image'"),
        ({"image", "left"}, "not closed: 'left'.*'stem'"),
        ({"image", "stem", "left", "join"}, "not closed: 'join'.*'right'"),
    ],
)
def test_infeasible_splits(edge, message):
    with pytest.raises(PartitionError, match=message):
        evaluate(DIAMOND, COSTS, LINK, edge)
