"""The splits that can be the best are few, and nearly every question has its answer among them."""

import random

import pytest

from bench.wide_graphs.real import encodings
from edge_service.control.conditions import Conditions
from edge_service.control.packets import PacketLayer
from edge_service.control.plan import Phase
from edge_service.control.policies import Adaptive, Chain
from edge_service.control.readiness.choosable import Rank
from partitioner import CostProfile, Encoding, Layer, LayerGraph, Link, SplitTable, splits_of

RANDOM = random.Random(7)
BLOCKS = 12


def branchy() -> LayerGraph:
    """Blocks of two branches, wide and cheap in the beginning, narrow and dear in the end."""
    layers, before = [Layer("image", (), 150_000)], "image"
    for block in range(BLOCKS):
        size = 400_000 // (block + 1)
        branches = [f"left{block}", f"right{block}"]
        layers += [Layer(name, (before,), RANDOM.randint(size // 4, size)) for name in branches]
        before = f"join{block}"
        layers.append(Layer(before, tuple(branches), size // 2))
    return LayerGraph((*layers, Layer("fc", (before,), 4_000)), ("fc",))


GRAPH = branchy()
EDGE_S = tuple(RANDOM.uniform(0.002, 0.03) if layer.inputs else 0.0 for layer in GRAPH.layers)
COSTS = CostProfile(EDGE_S, tuple(seconds / 8 for seconds in EDGE_S))
TABLE = SplitTable(GRAPH, COSTS, encodings=encodings(GRAPH, 3))
EVERYTHING = frozenset(layer.name for layer in GRAPH.layers)
CHOOSABLE = Rank(TABLE, Adaptive(0.0)).run()


def near(uplink_bps, edge_load=1.0, cloud_load=1.0):
    return Conditions(Phase.OFFLOADING, uplink_bps, 0.01, edge_load, cloud_load, 1.0)


def questions(count):
    for _ in range(count):
        link = Link(10 ** RANDOM.uniform(5, 9), fixed_s=RANDOM.choice((0.0, 0.01, 0.1)))
        loads = {"edge_load": RANDOM.uniform(1, 3), "cloud_load": RANDOM.uniform(1, 6)}
        highest_hz = TABLE.decide(link, 1e-6, **loads).max_rate_hz
        yield link, RANDOM.uniform(0.01, 1.1) * highest_hz, loads


def test_few_splits_are_nearly_always_the_best_or_as_good():
    order = CHOOSABLE.order()
    assert len(order) <= 34
    assert len(order) == len(set(order))
    asked = list(questions(300))
    as_good = 0
    for link, rate_hz, loads in asked:
        best = TABLE.decide(link, rate_hz, **loads).partition
        priced = [TABLE.evaluate(edge, link, encoding=each.name, **loads) for edge in order for each in TABLE.encodings]
        keeping_up = [each for each in priced if each.bottleneck_s * rate_hz < 1.0]
        if best.bottleneck_s * rate_hz < 1.0:
            as_good += bool(keeping_up) and min(each.latency_s for each in keeping_up) <= 1.1 * best.latency_s
        else:
            as_good += min(each.bottleneck_s for each in priced) <= 1.1 * best.bottleneck_s
    assert as_good >= 0.97 * len(asked)


def test_a_longer_round_trip_adds_no_split():
    order = set(CHOOSABLE.order())
    for uplink_bps in (10 ** (5 + step / 3) for step in range(13)):
        for fixed_s in (0.0, 0.01, 0.05, 0.2):
            assert TABLE.dsl(Link(uplink_bps, fixed_s=fixed_s)).edge in order


def test_all_on_one_side_is_always_among_them_and_the_most_frequent_come_first():
    order = CHOOSABLE.order()
    assert {EVERYTHING, frozenset({"image"})} <= set(order)
    counts = [sum(answer.edge == edge for answer in CHOOSABLE.answers) for edge in order]
    assert counts == sorted(counts, reverse=True)
    dear = CostProfile(tuple(1e3 * seconds for seconds in EDGE_S), COSTS.cloud_s)
    assert EVERYTHING in Rank(TABLE.with_costs(dear), Adaptive(0.0)).run().order()


@pytest.mark.parametrize("uplink_bps", [1e5, 1e7, 1e9])
def test_what_is_the_best_near_the_conditions_of_now_comes_first(uplink_bps):
    best = TABLE.dsl(Link(uplink_bps)).edge
    order = CHOOSABLE.order(near(uplink_bps))
    assert best in order[:3]
    assert set(order) == set(CHOOSABLE.order())


def test_an_unknown_rate_and_an_idle_side_leave_the_frequencies():
    assert CHOOSABLE.order(near(None)) == CHOOSABLE.order()
    assert set(CHOOSABLE.order(near(1e6, edge_load=1e-9, cloud_load=1e-9))) == set(CHOOSABLE.order())


def test_a_policy_is_asked_for_its_own_choice():
    """A chain policy never chooses one branch of two, so those are not prepared for it."""
    prefixes = set(Rank(TABLE, Chain()).run().order())
    names = [layer.name for layer in GRAPH.layers]
    assert prefixes <= {frozenset(names[:count]) for count in range(1, len(names) + 1)}
    assert not set(CHOOSABLE.order()) <= prefixes


def test_splits_of_packets_are_told_as_those_of_the_model():
    layer = PacketLayer.of(GRAPH, "image", 8_000)
    table = splits_of(
        layer.graph,
        CostProfile((0.0, *COSTS.edge_s), (0.0, *COSTS.cloud_s)),
        (Encoding.raw(layer.graph),),
    )
    order = Rank(table, Adaptive(0.0), layer).run().order()
    assert frozenset({"image"}) in order
    assert all(edge <= EVERYTHING and "image" in edge for edge in order)


def test_a_model_that_computes_nothing_has_one_split():
    graph = LayerGraph((Layer("image", (), 10),), ("image",))
    table = SplitTable(graph, CostProfile((0.0,), (0.0,)))
    assert Rank(table, Adaptive(0.0)).run().order() == (frozenset({"image"}),)
