import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_graphs import brute_force, problems, wide_everywhere

from partitioner.searched.branch_and_bound import BranchAndBound
from partitioner.searched.dual_bounds import SmallestBottleneckWithin
from partitioner.searched.remainder import StageArrays
from partitioner.searched.two_cases import prove_in_two_cases
from partitioner.searched.weighted_cuts import search


def arrays(graph, splits):
    return [np.array([layer.name in split.edge for layer in graph.layers]) for split in splits]


@given(problems(max_layers=9), st.floats(0.0, 1.0))
@settings(max_examples=100, deadline=None)
def test_a_tree_bounds_the_splits_with_little_on_the_edge(problem, share):
    splits = brute_force(problem)
    most_edge_s = share * max(split.edge_s for split in splits)
    tree = BranchAndBound(
        StageArrays.of(*problem),
        SmallestBottleneckWithin(most_edge_s),
        math.inf,
        arrays(problem[0], search(*problem).splits),
        gap=1.0,
    )
    bound_s = tree.run(10**4).lower_bound_s
    within_s = min((split.bottleneck_s for split in splits if split.edge_s <= most_edge_s), default=math.inf)
    assert bound_s <= within_s * (1 + 1e-9)
    # Te counts by its limit only; and a better split with more on the edge ends the search too.
    least_s = min(max(split.transfer_s, split.cloud_s) + 1e3 * max(0.0, split.edge_s - most_edge_s) for split in splits)
    # What the multiplier gives for the limit is taken off with a margin for rounding.
    rounding_s = 2e-12 * 1e3 * most_edge_s
    assert bound_s >= min(least_s, *(split.bottleneck_s for split in splits)) * (1 - 1e-6) - rounding_s


@given(problems(max_layers=9), st.floats(1.01, 2.0))
@settings(max_examples=300, deadline=None)
def test_two_cases_never_prove_more_than_the_smallest_bottleneck(problem, ratio):
    candidates = search(*problem)
    known_s = candidates.heavy(None).bottleneck_s
    stages, known = StageArrays.of(*problem), arrays(problem[0], candidates.splits)
    found = prove_in_two_cases(stages, known, known_s, ratio=ratio, most_cuts=100)
    if found is not None:
        assert found.lower_bound_s <= min(split.bottleneck_s for split in brute_force(problem)) * (1 + 1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_two_cases_prove_what_weighted_cuts_do_not(seed):
    graph, costs, link = wide_everywhere(seed)
    candidates, stages = search(graph, costs, link), StageArrays.of(graph, costs, link)
    best = candidates.heavy(None)
    found = prove_in_two_cases(stages, arrays(graph, candidates.splits), best.bottleneck_s, ratio=1.2, most_cuts=10**4)
    assert best.bottleneck_s > 1.3 * candidates.bottleneck_bound_s
    assert found is not None
    found_s = best.bottleneck_s if found.inside is None else stages.of_split(found.inside).max()
    assert found.lower_bound_s >= found_s / 1.2 * (1 - 1e-9)
