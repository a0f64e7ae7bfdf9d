import itertools
import math
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dads.planning.alternatives import HIGHEST_BPS, LOWEST_BPS, Alternatives, max_rate_hz, ranges
from partitioner import CostProfile, Encoding, Layer, LayerGraph, Link, TabledSplits, evaluate

GRAPH = LayerGraph(
    layers=(
        Layer("x", (), 100_000),
        Layer("small", ("x",), 10_000),
        Layer("out", ("small",), 100),
    ),
    outputs=("out",),
)
COSTS = CostProfile(edge_s=(0.0, 0.010, 0.100), cloud_s=(0.0, 0.001, 0.010))


def choices_that_change_at(breaks_bps):
    def decide_at(uplink_bps):
        choice = sum(uplink_bps >= value for value in breaks_bps)
        return SimpleNamespace(mode="light", partition=SimpleNamespace(edge=frozenset({str(choice)}), encoding="raw"))

    return decide_at


def test_one_choice_is_one_range():
    (only,) = ranges(choices_that_change_at([]))
    assert (only.from_bps, only.to_bps) == (LOWEST_BPS, HIGHEST_BPS)


@given(
    st.lists(st.floats(2.55, 4.45), min_size=1, max_size=4, unique=True).filter(
        lambda xs: all(abs(a - b) > 0.1 for a in xs for b in xs if a is not b)
    )
)
def test_every_break_point_is_found_to_a_thousandth(exponents):
    breaks = sorted(10.0 ** (2 * exponent) for exponent in exponents)
    found = ranges(choices_that_change_at(breaks))
    assert [item.from_bps for item in found[1:]] == pytest.approx(breaks, rel=1.1e-3)


def test_ranges_cover_everything_without_gaps():
    found = ranges(choices_that_change_at([1e5, 1.2e5, 3e7]))
    assert found[0].from_bps == LOWEST_BPS
    assert found[-1].to_bps == HIGHEST_BPS
    assert all(one.to_bps == other.from_bps for one, other in itertools.pairwise(found))


def test_two_break_points_within_a_step_of_the_scan_end():
    found = ranges(choices_that_change_at([1e6, 1.01e6]))
    assert len(found) in {2, 3}


def test_encodings_are_chosen_and_told_apart():
    half = Encoding("half", tuple(layer.output_bytes / 2 for layer in GRAPH.layers), (0.001,) * 3, (0.0,) * 3)
    alternatives = Alternatives(GRAPH, COSTS, (Encoding.raw(GRAPH), half))
    chosen = {item.decision.partition.encoding for item in alternatives.sweep(Link(1e6), 1.0)}
    assert chosen == {"raw", "half"}
    slow = Link(1e6)
    chosen = alternatives.compare(slow, 1.0).decision.partition
    assert chosen.encoding == "half"
    assert chosen.latency_s < Alternatives(GRAPH, COSTS).splits.dsl(slow).latency_s


def test_cloud_only_is_in_the_encoding_that_its_policy_would_choose():
    layers = len(GRAPH.layers)
    half = Encoding("half", tuple(layer.output_bytes / 2 for layer in GRAPH.layers), (0.001,) * layers, (0.0,) * layers)
    alternatives = Alternatives(GRAPH, COSTS, (Encoding.raw(GRAPH), half))
    assert alternatives.compare(Link(1e6), 1.0).cloud_only.encoding == "half"
    assert alternatives.compare(Link(1e9), 1.0).cloud_only.encoding == "raw"
    cloud_only = alternatives.curves(Link(1e6)).curves[1]
    assert cloud_only.latency_s[0] == alternatives.cloud_only(Link(LOWEST_BPS)).latency_s
    assert alternatives.cloud_only(Link(LOWEST_BPS)).encoding == "half"


def test_the_choice_is_never_worse_than_either_baseline():
    alternatives = Alternatives(GRAPH, COSTS)
    for uplink_bps in (1e4, 1e6, 1e7, 1e9):
        answer = alternatives.compare(Link(uplink_bps, fixed_s=0.005), rate_hz=0.1)
        best = min(answer.edge_only.latency_s, answer.cloud_only.latency_s)
        assert answer.decision.partition.latency_s <= best + 1e-12


def test_the_baselines_are_everything_on_one_side():
    answer = Alternatives(GRAPH, COSTS).compare(Link(1e6), rate_hz=1.0)
    assert answer.edge_only.edge == {"x", "small", "out"}
    assert answer.edge_only.cut == ()
    assert answer.cloud_only.edge == {"x"}
    assert answer.cloud_only.cut == ("x",)


def test_a_sweep_goes_from_the_edge_to_the_cloud():
    found = Alternatives(GRAPH, COSTS).sweep(Link(1e6, fixed_s=0.001), rate_hz=0.1)
    cuts = [item.decision.partition.cut for item in found]
    assert cuts == [(), ("small",), ("x",)]


# Two branches whose best cut no prefix of the order offers: both small tensors, but neither branch's rest, on the edge.
BRANCHES = LayerGraph(
    layers=(
        Layer("x", (), 1_000_000),
        Layer("left", ("x",), 1_000),
        Layer("more_left", ("left",), 1_000_000),
        Layer("right", ("x",), 1_000),
        Layer("more_right", ("right",), 1_000_000),
        Layer("out", ("more_left", "more_right"), 100),
    ),
    outputs=("out",),
)
BRANCH_COSTS = CostProfile(edge_s=(0.0, 0.001, 1.0, 0.001, 1.0, 1.0), cloud_s=(0.0, 0.001, 0.01, 0.001, 0.01, 0.01))


def prefixes(graph, costs, link):
    names = [layer.name for layer in graph.layers]
    return [evaluate(graph, costs, link, names[: k + 1]) for k in range(len(names))]


def test_the_chain_cut_is_the_best_prefix_and_no_better_than_the_choice():
    link = Link(1e6, fixed_s=0.001)
    answer = Alternatives(BRANCHES, BRANCH_COSTS).compare(link, rate_hz=0.01)
    best_s = min(split.latency_s for split in prefixes(BRANCHES, BRANCH_COSTS, link))
    assert answer.chain.latency_s == pytest.approx(best_s)
    assert answer.decision.partition.cut == ("left", "right")
    assert answer.chain.latency_s > answer.decision.partition.latency_s


# On 8 Mbit/s: after "x" 0.60 s in all and 0.5 s for the slowest stage; after "a" 0.65 s and 0.3 s; edge only 2.3 s.
CHAIN = LayerGraph((Layer("x", (), 500_000), Layer("a", ("x",), 300_000), Layer("out", ("a",), 100)), outputs=("out",))
CHAIN_COSTS = CostProfile(edge_s=(0.0, 0.3, 2.0), cloud_s=(0.0, 0.05, 0.05))


@pytest.mark.parametrize(
    ("rate_hz", "mode", "cut"),
    [
        (1.0, "light", ("x",)),
        (2.5, "heavy", ("a",)),  # the faster one does not keep up
        (100.0, "heavy", ("a",)),  # nothing keeps up
    ],
)
def test_the_chain_cut_follows_the_rule_of_the_choice(rate_hz, mode, cut):
    answer = Alternatives(CHAIN, CHAIN_COSTS).compare(Link(8e6), rate_hz)
    assert answer.decision.mode == mode
    assert answer.decision.partition.cut == cut  # on a chain both know the same splits
    assert answer.chain.cut == cut


def test_curves_cover_the_range_and_agree_with_the_definition():
    link = Link(1e6, fixed_s=0.001)
    curves = Alternatives(GRAPH, COSTS).curves(link)
    assert (curves.uplink_bps[0], curves.uplink_bps[-1]) == (LOWEST_BPS, pytest.approx(HIGHEST_BPS))
    edge, cloud, light, heavy = curves.curves
    for i, uplink_bps in enumerate(curves.uplink_bps):
        at = Link(uplink_bps, fixed_s=0.001)
        splits = prefixes(GRAPH, COSTS, at)  # on a chain these are all
        assert cloud.latency_s[i] == pytest.approx(splits[0].latency_s)
        assert edge.throughput_hz[i] == pytest.approx(1 / splits[-1].bottleneck_s)
        assert light.latency_s[i] == pytest.approx(min(split.latency_s for split in splits))
        assert heavy.throughput_hz[i] == pytest.approx(max(1 / split.bottleneck_s for split in splits))


def test_a_graph_too_wide_to_list_is_planned_all_the_same():
    """Twenty-two branches of three states each, otherwise as above."""
    sides = [f"b{i}" for i in range(22)]
    layers = [Layer("x", (), 1_000_000)]
    for side in sides:
        layers += [Layer(side, ("x",), 1_000), Layer(f"more_{side}", (side,), 1_000_000)]
    layers.append(Layer("out", tuple(f"more_{side}" for side in sides), 100))
    graph = LayerGraph(tuple(layers), ("out",))
    costs = CostProfile((0.0, *(0.001, 1.0) * 22, 1.0), (0.0, *(0.001, 0.01) * 22, 0.01))
    alternatives = Alternatives(graph, costs)
    assert isinstance(alternatives.splits, TabledSplits)
    answer = alternatives.compare(Link(1e6, fixed_s=0.001), rate_hz=0.01)
    assert answer.decision.partition.cut == tuple(sides)
    wide, narrow = alternatives.curves(Link(1e6)), Alternatives(GRAPH, COSTS).curves(Link(1e6))
    assert wide.uplink_bps == narrow.uplink_bps


def test_a_split_that_takes_no_time_has_no_highest_rate():
    free = evaluate(GRAPH, CostProfile((0.0,) * 3, (0.0,) * 3), Link(1e6), {"x", "small", "out"})
    assert max_rate_hz(free) == math.inf
