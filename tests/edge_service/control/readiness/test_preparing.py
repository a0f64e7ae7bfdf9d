"""What to prepare is told in the order of its use, when that changes, and ranked beside the frames."""

import dataclasses

import pytest

from edge_service.control import (
    CloudLost,
    CloudProfiled,
    Controller,
    ControllerConfig,
    EncodingCosts,
    RoundTripMeasured,
    UplinkMeasured,
)
from edge_service.control.policies import Chain, CloudOnly, EdgeOnly, Given
from edge_service.control.readiness import Rank
from edge_service.control.tables import Build, Search
from partitioner import Layer, LayerGraph

NAMES = ("image", "conv1", "pool1", "conv2", "conv3", "fc")
SIZES = (150_000, 400_000, 50_000, 25_000, 12_000, 4_000)
GRAPH = LayerGraph(
    tuple(
        Layer(name, (before,) if before else (), size)
        for name, before, size in zip(NAMES, (None, *NAMES), SIZES, strict=False)
    ),
    ("fc",),
)
EDGE_S = (0.0, 0.10, 0.01, 0.15, 0.20, 0.02)
CLOUD_S = tuple(seconds / 10 for seconds in EDGE_S)
EDGES = [frozenset(NAMES[:count]) for count in range(1, 7)]
INPUTS, EVERYTHING = EDGES[0], EDGES[-1]
RAW = EncodingCosts("raw", tuple(map(float, SIZES)), (0.0,) * 6)


def controller(*, bps=20e6, policy=None, ready=lambda _: True, graph=GRAPH, edge_s=EDGE_S, encodings=(), cloud=True):
    made = Controller(graph, edge_s, ControllerConfig(), 0.5, encodings, policy, ready=ready)
    if cloud:
        profile = CloudProfiled(tuple(s / 10 for s in edge_s), {each.name: (0.0,) * len(graph) for each in encodings})
        for event in (profile, RoundTripMeasured(0.02), UplinkMeasured(250_000, 2e6 / bps)):
            made.observe(event, 0.0)
    return made


def rank(made, now_s=0.0):
    job = made.work_due(now_s)
    assert isinstance(job, Rank)
    made.work_ended(job, job.run(), now_s)


@pytest.mark.parametrize(
    ("policy", "first"),
    [
        (None, EVERYTHING),
        (Chain(), EVERYTHING),
        (EdgeOnly(), EVERYTHING),
        (CloudOnly(), INPUTS),
        (Given(EDGES[2]), EDGES[2]),
    ],
)
def test_before_the_first_frame_its_split_comes_first_then_edge_only(policy, first):
    made = controller(policy=policy, cloud=False)
    assert made.preparation_due() == tuple(dict.fromkeys([first, EVERYTHING]))
    assert made.preparation_due() is None


def test_an_engine_that_prepares_nothing_is_told_nothing():
    made = controller(ready=None)
    made.plan(0.0)
    assert made.preparation_due() is None
    assert made.work_due(0.0) is None


def test_a_policy_that_keeps_to_a_split_is_not_ranked():
    made = controller(policy=Given(EDGES[2]))
    assert made.plan(0.0).partition.edge == EDGES[2]
    assert made.preparation_due() == (EDGES[2], EVERYTHING)
    assert made.work_due(0.0) is None


def test_the_split_in_use_comes_first_and_the_one_before_it_second():
    made = controller(bps=5e6)
    first = made.plan(0.0).partition.edge
    assert made.preparation_due()[:2] == (first, EVERYTHING)
    for now_s in (1.0, 1.1, 1.2):
        made.observe(UplinkMeasured(250_000, 0.02), now_s)
    second = made.plan(1.2).partition.edge
    assert second != first
    assert made.preparation_due()[:3] == (second, first, EVERYTHING)


def test_every_split_that_can_be_the_best_is_told_once_it_is_known():
    made = controller()
    made.plan(0.0)
    assert set(made.preparation_due()) == {made.plan(0.0).partition.edge, EVERYTHING, INPUTS}
    rank(made)
    order = made.preparation_due()
    assert order[:2] == (made.plan(0.0).partition.edge, EVERYTHING)
    assert set(order) >= {INPUTS, EVERYTHING, EDGES[3]}
    assert EDGES[1] not in order  # conv1 is larger than the image
    assert made.preparation_due() is None


def test_the_cloud_is_profiled_before_anything_is_ranked():
    made = controller(cloud=False)
    made.plan(0.0)
    assert made.work_due(0.0) is None
    made.observe(CloudProfiled(CLOUD_S), 1.0)
    assert isinstance(made.work_due(1.0), Rank)


def test_a_much_slower_link_is_a_new_order_and_a_little_slower_one_is_not():
    made = controller(bps=100e6)
    made.plan(0.0)
    rank(made)
    before = made.preparation_due()
    made.observe(UplinkMeasured(250_000, 2e6 / 95e6), 0.1)
    made.plan(0.1)
    assert made.preparation_due() is None
    for now_s in (1.0, 1.1, 1.2, 1.3):
        made.observe(UplinkMeasured(25_000, 1.0), now_s)
    made.plan(1.3)
    after = made.preparation_due()
    assert after is not None
    assert set(after) >= set(before)
    assert after != before


def test_ranking_is_due_once_for_the_same_costs_and_again_for_others():
    made = controller(encodings=(RAW,))
    made.plan(0.0)
    job = made.work_due(0.0)
    assert isinstance(job, Rank)
    assert made.work_due(0.0) is None  # it runs
    made.work_ended(job, job.run(), 0.01)
    made.plan(1.0)
    assert made.work_due(1.0) is None
    made.observe(CloudProfiled(EDGE_S, {"raw": (0.0,) * 6}), 2.0)
    made.plan(2.0)
    assert isinstance(made.work_due(2.0), Rank)


def test_a_slow_ranking_is_followed_by_a_rest():
    made = controller()
    made.plan(0.0)
    job = made.work_due(0.0)
    made.work_ended(job, job.run(), 2.0)
    made.observe(CloudProfiled(EDGE_S), 3.0)
    made.plan(3.0)
    assert made.work_due(3.0) is None
    assert isinstance(made.work_due(20.5), Rank)


def test_a_failed_ranking_is_not_repeated_for_the_same_costs():
    made = controller()
    made.plan(0.0)
    made.work_ended(made.work_due(0.0), None, 0.0)
    made.plan(1.0)
    assert made.work_due(1.0) is None
    assert set(made.preparation_due()) >= {INPUTS, EVERYTHING}


def test_a_lost_cloud_puts_edge_only_first_and_keeps_the_rest():
    made = controller()
    made.plan(0.0)
    rank(made)
    before = made.preparation_due()
    made.observe(CloudLost("silence"), 1.0)
    assert made.plan(1.0).partition.edge == EVERYTHING
    after = made.preparation_due()
    assert after[:2] == (EVERYTHING, before[0])
    assert set(after) == set(before)


def test_a_model_with_too_many_splits_to_list_is_ranked_when_its_table_is_there():
    branches = [f"b{i}" for i in range(22)]
    wide = LayerGraph(
        (
            Layer("image", (), 150_000),
            *(Layer(name, ("image",), 3_000) for name in branches),
            Layer("join", tuple(branches), 400),
        ),
        ("join",),
    )
    made = controller(graph=wide, edge_s=(0.0, *(0.001 * (i + 1) for i in range(22)), 0.1))
    done = []
    for now_s in (0.0, 1.0, 2.0, 30.0, 31.0):
        made.plan(now_s)
        while (job := made.work_due(now_s)) is not None:
            done.append(type(job))
            made.work_ended(job, job.run(), now_s)
    assert done == [Search, Build, Rank]
    assert len(made.preparation_due()) > 3


def test_conditions_of_now_need_not_be_known():
    made = controller(cloud=False)
    made.observe(CloudProfiled(CLOUD_S), 0.0)
    rank(made)
    order = made.preparation_due()
    assert order[0] == EVERYTHING
    assert INPUTS in order
    assert dataclasses.is_dataclass(made.plan(0.0))
