import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_graphs import RATES, brute_force, problems

from partitioner import CostProfile, Decision, Layer, LayerGraph, Link, PartitionError, SplitTable, decide, dsh, dsl

# Edge-only takes 8 s. Cloud-only: 1 s up, 4 s of compute, 0.5 s fixed. In between: 2 s, 2 s up, 2 s, 0.5 s.
GRAPH = LayerGraph((Layer("image", (), 1), Layer("a", ("image",), 2), Layer("b", ("a",), 0)), ("b",))
COSTS = CostProfile((0.0, 2.0, 6.0), (0.0, 2.0, 2.0))
LINK = Link(8.0, fixed_s=0.5)


@given(problems(), st.sampled_from([0.5, 0.999, 1.0, 1.001, 2.0]), st.integers(0, 10**6))
@settings(max_examples=200, deadline=None)
def test_agrees_with_the_definition(problem, factor, choice):
    splits = brute_force(problem)
    period_s = splits[choice % len(splits)].bottleneck_s * factor
    rate_hz = 1.0 / period_s if period_s > 0 else math.inf
    decision = decide(*problem, rate_hz)
    lowest = dsl(*problem)
    if lowest.bottleneck_s < 1.0 / rate_hz:
        assert (decision.mode, decision.partition) == ("light", lowest)
    else:
        assert (decision.mode, decision.partition) == ("heavy", dsh(*problem, rate_hz))
    smallest_s = min(priced.bottleneck_s for priced in splits)
    assert decision.keeps_up == (smallest_s < 1.0 / rate_hz)
    assert decision.max_rate_hz == (pytest.approx(1.0 / smallest_s, rel=1e-12) if smallest_s else math.inf)
    assert decision == SplitTable(*problem[:2]).decide(problem[2], rate_hz)


def test_light_just_below_the_bottleneck_heavy_exactly_at_it():
    assert dsl(GRAPH, COSTS, LINK).bottleneck_s == 4.0
    light = decide(GRAPH, COSTS, LINK, rate_hz=0.249)
    assert (light.mode, light.keeps_up, light.partition.edge) == ("light", True, {"image"})
    heavy = decide(GRAPH, COSTS, LINK, rate_hz=0.25)
    assert (heavy.mode, heavy.keeps_up, heavy.partition.edge) == ("heavy", True, {"image", "a"})


def test_exactly_at_the_smallest_bottleneck_nothing_keeps_up():
    decision = decide(GRAPH, COSTS, LINK, rate_hz=0.5)
    assert (decision.mode, decision.keeps_up, decision.max_rate_hz) == ("heavy", False, 0.5)
    assert decision.partition == dsh(GRAPH, COSTS, LINK)
    assert decide(GRAPH, COSTS, LINK, rate_hz=0.499).keeps_up


def test_heavy_prefers_latency_among_the_splits_that_keep_up():
    layers = (Layer("x", (), 4), Layer("a", ("x",), 4), Layer("b", ("a",), 11), Layer("c", ("b",), 0))
    graph, link = LayerGraph(layers, ("c",)), Link(32.0)
    costs = CostProfile((0.0, 2.0, 0.75, 10.0), (0.0, 1.5, 0.75, 2.75))
    lowest, smallest = dsl(graph, costs, link), dsh(graph, costs, link)
    assert (lowest.latency_s, lowest.bottleneck_s) == (6.0, 5.0)
    assert (smallest.latency_s, smallest.bottleneck_s) == (8.25, 2.75)
    decision = decide(graph, costs, link, rate_hz=0.25)
    assert decision.mode == "heavy"
    assert (decision.partition.latency_s, decision.partition.bottleneck_s) == (6.5, 3.5)


def test_a_free_model_has_no_highest_rate():
    costs = CostProfile((0.0,) * 3, (0.0,) * 3)
    decision = decide(GRAPH, costs, Link(math.inf), rate_hz=1e9)
    assert (decision.mode, decision.keeps_up, decision.max_rate_hz) == ("light", True, math.inf)


def worst_cases(problem, interval):
    """The largest latency and bottleneck of every split over uplinks spread through the interval, by split."""
    graph, costs, link = problem
    low, high = interval
    span = [low, high] if math.isinf(high) else [low + (high - low) * i / 4 for i in range(5)] + [high]
    by_rate = [brute_force((graph, costs, Link(rate, link.downlink_bps, link.fixed_s))) for rate in span]
    return {
        same[0].edge: (max(split.latency_s for split in same), max(split.bottleneck_s for split in same))
        for same in zip(*by_rate, strict=True)
    }


@given(problems(max_layers=9), RATES, RATES, st.sampled_from([0.999, 1.001, 2.0]), st.integers(0, 10**6))
@settings(max_examples=200, deadline=None)
def test_over_an_interval_the_worst_case_is_smallest(problem, one, other, factor, choice):
    interval = (min(one, other), max(one, other))
    worst = worst_cases(problem, interval)
    period_s = list(worst.values())[choice % len(worst)][1] * factor
    rate_hz = 1.0 / period_s if period_s > 0 else math.inf
    decision = decide(*problem, rate_hz, interval)
    assert decision.worst_case_uplink_bps == interval[0]
    latency_s, bottleneck_s = worst[decision.partition.edge]
    assert decision.partition.latency_s == pytest.approx(latency_s, rel=1e-12)
    assert decision.partition.bottleneck_s == pytest.approx(bottleneck_s, rel=1e-12)
    keeping_up = [pair for pair in worst.values() if pair[1] < 1.0 / rate_hz]
    assert decision.keeps_up == bool(keeping_up)
    if keeping_up:
        assert latency_s <= min(pair[0] for pair in keeping_up) * (1 + 1e-12)
    else:
        assert bottleneck_s <= min(pair[1] for pair in worst.values()) * (1 + 1e-12)
    if decision.mode == "light":
        assert latency_s <= min(pair[0] for pair in worst.values()) * (1 + 1e-12)


def test_an_interval_may_call_for_another_split_than_its_middle():
    middle = decide(GRAPH, COSTS, LINK, rate_hz=0.01)
    assert (middle.partition.edge, middle.worst_case_uplink_bps) == ({"image"}, None)
    worst = decide(GRAPH, COSTS, LINK, rate_hz=0.01, uplink_interval_bps=(0.5, 16.0))
    assert (worst.partition.cut, worst.partition.latency_s, worst.worst_case_uplink_bps) == ((), 8.0, 0.5)


def test_beyond_the_table_too():
    layers = (Layer("image", (), 10), *(Layer(f"v{i}", ("image",), 1) for i in range(40)))
    graph = LayerGraph(layers, tuple(layer.name for layer in layers[1:]))
    costs = CostProfile((0.0,) + (1.0,) * 40, (0.0,) + (0.1,) * 40)
    decision = decide(graph, costs, Link(math.inf), 1e-3, (1.0, 100.0))
    assert (decision.partition.latency_s, decision.worst_case_uplink_bps) == (40.0, 1.0)
    assert decide(graph, costs, Link(math.inf), 1e-3, (100.0, 100.0)).partition.latency_s == pytest.approx(4.8)


@pytest.mark.parametrize("interval", [(2.0, 1.0), (0.0, 1.0), (1.0, math.nan), (1.0,), 3.0, ("1", 2.0), (-1.0, 1.0)])
def test_bad_intervals(interval):
    with pytest.raises(PartitionError, match="uplink_interval_bps"):
        decide(GRAPH, COSTS, LINK, 1.0, interval)


def test_a_decision_needs_no_interval():
    split = dsl(GRAPH, COSTS, LINK)
    decision = Decision(partition=split, mode="light", keeps_up=True, max_rate_hz=1.0)
    assert decision.worst_case_uplink_bps is None
    assert decision == Decision(split, "light", True, 1.0)
