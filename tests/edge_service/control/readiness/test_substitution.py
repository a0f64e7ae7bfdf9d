"""No plan waits for a part: the best of the splits that are ready is planned until the best of all is."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_service.control import (
    CloudLost,
    CloudProfiled,
    Controller,
    ControllerConfig,
    EncodingCosts,
    PacketCosts,
    Phase,
    RoundTripMeasured,
    SplitImpossible,
    UplinkMeasured,
)
from edge_service.control.policies import Adaptive, Chain, CloudOnly, EdgeOnly, Given
from edge_service.control.readiness import Rank
from partitioner import CostProfile, Layer, LayerGraph, Link, evaluate

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
INPUTS, POOLED, CONV2, EVERYTHING = EDGES[0], EDGES[2], EDGES[3], EDGES[5]
RAW = EncodingCosts("raw", tuple(map(float, SIZES)), (0.0,) * 6)
ZSTD = EncodingCosts("zstd", tuple(size / 3 for size in SIZES), (1e-3,) * 6)
RTT_S = 0.02


class Sessions:
    """Which splits are ready; `after` is the number of plans until another one is, in the order of preparation."""

    def __init__(self, *ready, after=None):
        self.ready = set(ready)
        self.after = after
        self.plans = 0
        self.order = ()

    def __call__(self, edge):
        return edge in self.ready

    def follow(self, made):
        self.order = made.preparation_due() or self.order
        self.plans += 1
        if self.after and self.plans % self.after == 0:
            self.ready.update([edge for edge in self.order if edge not in self.ready][:1])


def controller(sessions, *, bps=5e6, policy=None, encodings=(), rate_hz=0.5, packets=None, ranked=True):
    made = Controller(GRAPH, EDGE_S, ControllerConfig(), rate_hz, encodings, policy, packets, sessions)
    profile = CloudProfiled(CLOUD_S, {each.name: (0.0,) * 6 for each in encodings}, takes_packets=packets is not None)
    for event in (profile, RoundTripMeasured(RTT_S), UplinkMeasured(250_000, 2e6 / bps)):
        made.observe(event, 0.0)
    while ranked and (job := made.work_due(0.0)) is not None:
        made.work_ended(job, job.run(), 0.0)
    return made


def run(made, sessions, plans, *, now_s=1.0, **arguments):
    """Plans frames 20 ms apart, with sessions made meanwhile."""
    made_plans = []
    for count in range(plans):
        made_plans.append(made.plan(now_s + 0.02 * count, **arguments))
        sessions.follow(made)
    return made_plans


def latency_s(edge, bps=5e6):
    return evaluate(GRAPH, CostProfile(EDGE_S, CLOUD_S), Link(bps, fixed_s=RTT_S), edge).latency_s


BEST = min(EDGES, key=latency_s)


def test_the_best_runs_at_once_where_everything_is_ready():
    sessions = Sessions(*EDGES)
    plan = controller(sessions).plan(1.0)
    assert (plan.partition.edge, plan.awaited) == (BEST, None)
    assert BEST == POOLED


def test_the_best_that_is_ready_runs_until_the_best_is_ready():
    sessions = Sessions(EVERYTHING, CONV2)
    made = controller(sessions)
    plans = run(made, sessions, 3)
    assert {(plan.partition.edge, plan.awaited) for plan in plans} == {(CONV2, BEST)}
    assert plans[0].partition.latency_s == pytest.approx(latency_s(CONV2))
    assert plans[0].deadline_s < 10.0
    assert sessions.order[:2] == (CONV2, BEST)
    sessions.ready.add(BEST)
    plan = made.plan(2.0)
    assert (plan.partition.edge, plan.awaited, plan.changed) == (BEST, None, True)
    assert made.state(2.0).switches == 1


def test_what_is_awaited_is_not_switched_to_for_less_than_the_policys_margin():
    near = EDGES[2]
    sessions = Sessions(near)
    made = controller(sessions, bps=1.2e6)
    assert latency_s(EDGES[3], 1.2e6) < latency_s(near, 1.2e6) < latency_s(EDGES[3], 1.2e6) / 0.9
    assert made.plan(1.0).awaited == EDGES[3]
    sessions.ready.add(EDGES[3])
    plan = made.plan(1.1)
    assert (plan.partition.edge, plan.awaited) == (near, None)
    assert made.state(1.1).switches == 0


@pytest.mark.parametrize("ready", [EVERYTHING, INPUTS])
def test_of_the_wholes_the_one_that_is_ready_runs(ready):
    plan = controller(Sessions(ready)).plan(1.0)
    assert (plan.partition.edge, plan.awaited) == (ready, BEST)


@pytest.mark.parametrize(("bps", "better"), [(1e5, EVERYTHING), (8e6, INPUTS)])
def test_of_two_wholes_that_are_ready_the_better_one_runs(bps, better):
    made = controller(Sessions(EVERYTHING, INPUTS), bps=bps)
    assert made.plan(1.0).partition.edge == better


def test_if_nothing_is_ready_the_best_is_planned_and_made_first():
    sessions = Sessions()
    made = controller(sessions)
    (plan,) = run(made, sessions, 1)
    assert plan.partition.edge == BEST
    assert sessions.order[0] == BEST
    sessions.ready.add(EVERYTHING)
    assert made.plan(2.0).partition.edge == EVERYTHING


def test_splits_that_become_ready_meanwhile_are_used():
    sessions = Sessions(EVERYTHING)
    made = controller(sessions)
    assert made.plan(1.0).partition.edge == EVERYTHING
    sessions.ready.add(CONV2)
    assert made.plan(1.1).partition.edge == CONV2
    sessions.ready.add(BEST)
    assert made.plan(1.2).partition.edge == BEST


def test_a_split_that_is_no_longer_ready_is_left():
    sessions = Sessions(*EDGES)
    made = controller(sessions)
    assert made.plan(1.0).partition.edge == BEST
    sessions.ready.discard(BEST)
    plan = made.plan(1.1)
    assert plan.partition.edge != BEST
    assert plan.awaited == BEST


def test_without_a_ranking_the_wholes_and_the_splits_in_use_are_known():
    sessions = Sessions(EVERYTHING, CONV2)
    assert controller(sessions, ranked=False).plan(1.0).partition.edge == EVERYTHING


def test_the_substitute_is_sent_in_its_best_encoding():
    sessions = Sessions(EVERYTHING, CONV2)
    plan = controller(sessions, encodings=(RAW, ZSTD), bps=4e6).plan(1.0)
    assert (plan.partition.edge, plan.partition.encoding) == (CONV2, "zstd")
    assert plan.measured_bytes == pytest.approx(SIZES[3] / 3)


def test_a_split_that_the_cloud_cannot_answer_is_no_substitute():
    sessions = Sessions(EVERYTHING, CONV2)
    made = controller(sessions)
    made.observe(SplitImpossible(CONV2), 0.5)
    assert made.plan(1.0).partition.edge == EVERYTHING


def test_a_chain_policy_gets_a_prefix_that_is_ready():
    sessions = Sessions(EVERYTHING, CONV2)
    made = controller(sessions, policy=Chain())
    plans = run(made, sessions, 2)
    assert {(plan.partition.edge, plan.awaited) for plan in plans} == {(CONV2, BEST)}
    sessions.ready.add(BEST)
    assert made.plan(2.0).partition.edge == BEST


@pytest.mark.parametrize("policy", [Given(CONV2), CloudOnly(), EdgeOnly()])
def test_a_policy_that_keeps_to_its_split_waits_for_it(policy):
    kept = (
        policy.kept(None) if isinstance(policy, Given) else {"cloud_only": INPUTS, "edge_only": EVERYTHING}[policy.name]
    )
    sessions = Sessions(*(set(EDGES) - {kept}))
    plan = controller(sessions, policy=policy).plan(1.0)
    assert (plan.partition.edge, plan.awaited) == (kept, None)


def test_without_a_cloud_everything_runs_here_whatever_is_ready():
    sessions = Sessions(INPUTS, CONV2)
    made = controller(sessions)
    made.observe(CloudLost("silence"), 0.5)
    plan = made.plan(1.0)
    assert (plan.partition.edge, plan.phase, plan.awaited) == (EVERYTHING, Phase.ALONE, None)


@pytest.mark.parametrize("ready", [True, False])
def test_packets_are_sent_only_where_the_frame_could_be_finished_here(ready):
    packets = PacketCosts("image", 2_000.0, 0.01)
    sessions = Sessions(EVERYTHING, *([INPUTS] if ready else []))
    made = controller(sessions, bps=4e6, packets=packets)
    plan = made.plan(1.0, packets_ready=True)
    assert plan.packets == ready
    assert plan.partition.edge == (INPUTS if ready else EVERYTHING)
    assert plan.awaited == (None if ready else INPUTS)


def test_packets_replace_a_split_that_is_not_ready():
    packets = PacketCosts("image", 140_000.0, 0.01)
    sessions = Sessions(EVERYTHING, INPUTS)
    made = controller(sessions, packets=packets)
    plan = made.plan(1.0, packets_ready=True)
    assert plan.awaited == BEST
    assert plan.packets


def test_sessions_that_are_made_one_by_one_are_no_flapping():
    sessions = Sessions(EVERYTHING, after=4)
    made = controller(sessions)
    plans = run(made, sessions, 60)
    assert plans[-1].partition.edge == BEST
    latencies = [latency_s(plan.partition.edge) for plan in plans]
    assert latencies == sorted(latencies, reverse=True)
    assert made.state(9.0).switches == len({plan.partition.edge for plan in plans}) - 1 <= 2
    assert plans[4].partition.edge == BEST  # it was asked for first


class SlowPolicy(Adaptive):
    """Counts how often it is asked."""

    asked = 0

    def choose(self, splits, conditions):
        self.asked += 1
        return super().choose(splits, conditions)


def test_nothing_is_decided_again_while_nothing_moves():
    policy, sessions = SlowPolicy(), Sessions(EVERYTHING)
    made = controller(sessions, policy=policy)
    run(made, sessions, 20)
    assert policy.asked == 2  # of all splits, and of those that are ready
    assert made.state(2.0).decisions == 1


@settings(max_examples=40, deadline=None)
@given(
    steps=st.lists(
        st.tuples(st.floats(5.0, 8.5), st.sets(st.integers(0, 5)), st.sets(st.integers(0, 5))), min_size=1, max_size=12
    ),
    rate_hz=st.sampled_from([0.1, 3.0, 30.0]),
)
def test_whatever_becomes_ready_or_is_lost_a_ready_split_runs(steps, rate_hz):
    sessions = Sessions(EVERYTHING)
    made = controller(sessions, rate_hz=rate_hz)
    told = set(Rank(made._sides[0].planner._graphs[0].splits, Adaptive(0.0)).run().order())
    now_s = 1.0
    for exponent, gained, lost in steps:
        sessions.ready |= {EDGES[i] for i in gained}
        sessions.ready -= {EDGES[i] for i in lost}
        for _ in range(3):
            now_s += 0.1
            made.observe(UplinkMeasured(250_000, 2e6 / 10**exponent), now_s)
            plan = made.plan(now_s)
            usable = sessions.ready & told
            assert plan.phase is Phase.OFFLOADING
            if usable:
                assert plan.partition.edge in sessions.ready
            assert plan.partition.latency_s < float("inf")
            assert plan.awaited is None or plan.awaited not in sessions.ready
