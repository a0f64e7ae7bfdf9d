import itertools
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dads.planning import HIGHEST_BPS, LOWEST_BPS, Planner, ranges
from partitioner import CostProfile, Layer, LayerGraph, Link

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
        return SimpleNamespace(mode="light", partition=SimpleNamespace(edge=frozenset({str(choice)})))

    return decide_at


def test_one_choice_is_one_range():
    (only,) = ranges(choices_that_change_at([]))
    assert (only.from_bps, only.to_bps) == (LOWEST_BPS, HIGHEST_BPS)


@given(
    st.lists(st.floats(2.05, 4.95), min_size=1, max_size=4, unique=True).filter(
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


def test_the_choice_is_never_worse_than_either_baseline():
    planner = Planner(GRAPH, COSTS)
    for uplink_bps in (1e4, 1e6, 1e7, 1e9):
        answer = planner.plan(Link(uplink_bps, fixed_s=0.005), rate_hz=0.1)
        best = min(answer.edge_only.latency_s, answer.cloud_only.latency_s)
        assert answer.decision.partition.latency_s <= best + 1e-12


def test_the_baselines_are_everything_on_one_side():
    answer = Planner(GRAPH, COSTS).plan(Link(1e6), rate_hz=1.0)
    assert answer.edge_only.edge == {"x", "small", "out"}
    assert answer.edge_only.cut == ()
    assert answer.cloud_only.edge == {"x"}
    assert answer.cloud_only.cut == ("x",)


def test_a_sweep_goes_from_the_edge_to_the_cloud():
    found = Planner(GRAPH, COSTS).sweep(Link(1e6, fixed_s=0.001), rate_hz=0.1)
    cuts = [item.decision.partition.cut for item in found]
    assert cuts == [(), ("small",), ("x",)]
