import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_graphs import brute_force, problems, wide_everywhere

from partitioner import CostProfile, Encoding, Layer, LayerGraph, Link, dsh
from partitioner.searched.low_rank import no_split_below
from partitioner.searched.quadratic_bound import Multipliers, QuadraticBound
from partitioner.searched.remainder import StageArrays
from partitioner.searched.weighted_cuts import search


def signs_of(graph, edge):
    free = [1.0 if layer.name in edge else -1.0 for layer in graph.layers if layer.inputs]
    return np.array([1.0, *free])[:, np.newaxis]


def smallest_s(splits, least_edge_s):
    return min((split.bottleneck_s for split in splits if split.edge_s >= least_edge_s), default=math.inf)


@st.composite
def bounds(draw):
    """A problem with arcs, e and T that are of its size."""
    problem = draw(problems(max_layers=8).filter(lambda problem: any(layer.inputs for layer in problem[0].layers)))
    stages = StageArrays.of(*problem)
    all_s = float(stages.edge.sum() + stages.cloud.sum()) or 1.0
    return problem, stages, draw(st.floats(0.0, 1.0)) * all_s, draw(st.floats(1e-3, 1.0)) * all_s


@given(bounds(), st.integers(0, 2**32))
@settings(max_examples=200, deadline=None)
def test_a_form_is_at_most_what_a_split_below_both_limits_sends(bound, seed):
    problem, stages, least_edge_s, most_s = bound
    quadratic = QuadraticBound(stages, least_edge_s, most_s)
    rng = np.random.default_rng(seed)
    multipliers = Multipliers(rng.exponential(), rng.exponential(), rng.normal(size=quadratic.arcs))
    form = quadratic.form(multipliers)
    for split in brute_force(problem):
        signs = signs_of(problem[0], split.edge)
        measured = quadratic.measure(signs)
        size = form.magnitude + 1.0
        assert np.abs(measured.closed).max() <= 1e-9
        assert measured.cloud == pytest.approx(split.cloud_s / most_s - 1.0, abs=1e-9 * size)
        between = (split.edge_s - least_edge_s) * (split.edge_s - most_s) / most_s**2
        assert measured.between == pytest.approx(between, abs=1e-9 * size)
        # What crosses is known to the last bit but for tensors of more than the limit.
        assert measured.transfer <= split.transfer_s / most_s + 1e-9 * size
        lagrangian = measured.transfer + multipliers.cloud * measured.cloud + multipliers.between * measured.between
        gradient = quadratic.gradient(form, signs)[:, 0]
        slope = gradient @ signs[:, 0]
        # A quadratic form's slope counts what is linear once and what is quadratic twice.
        assert form.constant + (slope + form.toward @ signs[:, 0]) / 2.0 == pytest.approx(lagrangian, abs=1e-9 * size)


@given(bounds(), st.integers(0, 2**32))
@settings(max_examples=200, deadline=None)
def test_no_multipliers_and_no_vectors_prove_what_is_not_so(bound, seed):
    problem, stages, least_edge_s, most_s = bound
    quadratic = QuadraticBound(stages, least_edge_s, most_s)
    rng = np.random.default_rng(seed)
    multipliers = Multipliers(rng.exponential(), rng.exponential(), 0.1 * rng.normal(size=quadratic.arcs))
    signs = rng.normal(size=(quadratic.vertices, 3))
    signs[0] = [1.0, 0.0, 0.0]
    signs /= np.linalg.norm(signs, axis=1)[:, np.newaxis]
    if quadratic.proves(multipliers, signs):
        assert smallest_s(brute_force(problem), least_edge_s) >= most_s * (1 - 1e-9)


@given(problems(max_layers=9), st.floats(0.0, 1.2), st.floats(0.5, 1.5))
@settings(max_examples=300, deadline=None)
def test_a_proof_agrees_with_brute_force(problem, share, factor):
    splits = brute_force(problem)
    least_edge_s = share * max(split.edge_s for split in splits)
    within_s = smallest_s(splits, least_edge_s)
    most_s = factor * (within_s if math.isfinite(within_s) else 1.0)
    if no_split_below(StageArrays.of(*problem), least_edge_s, most_s):
        assert within_s >= most_s * (1 - 1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_more_is_proven_than_by_weighted_cuts_where_there_are_no_narrow_places(seed):
    graph, costs, link = wide_everywhere(seed)
    stages, split = StageArrays.of(graph, costs, link), dsh(graph, costs, link)
    assert no_split_below(stages, 0.5 * split.lower_bound_s, 1.02 * search(graph, costs, link).bottleneck_bound_s)
    assert not no_split_below(stages, 0.999 * split.edge_s, 1.001 * split.bottleneck_s)


def test_nothing_is_proven_where_encoding_takes_time():
    problem = wide_everywhere(0)
    least_edge_s = 0.5 * dsh(*problem).lower_bound_s
    assert no_split_below(StageArrays.of(*problem), least_edge_s, 2 * least_edge_s * 0.7)
    raw = Encoding.raw(problem[0])
    slow = Encoding("slow", raw.output_bytes, (1e-3,) * len(problem[0]), raw.decode_s)
    assert not no_split_below(StageArrays.of(*problem, slow), least_edge_s, 2 * least_edge_s * 0.7)


def test_nothing_is_proven_of_a_graph_that_reads_nothing():
    lone = LayerGraph((Layer("image", (), 8),), ("image",))
    assert not no_split_below(StageArrays.of(lone, CostProfile((1.0,), (1.0,)), Link(8.0)), 0.5, 0.9)
