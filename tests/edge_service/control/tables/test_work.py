"""Jobs run one at a time and take at most a quarter of the time, whatever changes and however long they take."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_service.control.conditions import Conditions
from edge_service.control.plan import Phase
from edge_service.control.tables import BackgroundWork, Build, LiveSplits, Reprice, Search
from partitioner import CostProfile, Encoding, Layer, LayerGraph, Link
from partitioner.listed.split_table import SplitTable
from partitioner.searched.searched_splits import SearchedSplits

GRAPH = LayerGraph(
    (
        Layer("image", (), 9_000),
        Layer("a", ("image",), 3_000),
        Layer("b", ("image",), 2_000),
        Layer("c", ("a", "b"), 9),
    ),
    ("c",),
)
CLOUD_S = (0.0, 0.01, 0.01, 0.01)
SEARCHED = SearchedSplits(GRAPH, CostProfile((0.0, 0.1, 0.2, 0.3), CLOUD_S), (Encoding.raw(GRAPH),))


class Planner:
    """As much of the planner as the work needs: numbers, and a question for each frame."""

    def __init__(self):
        self.live = LiveSplits.of(SEARCHED)
        self.work = BackgroundWork(SEARCHED, 2.0, 0.005, asks=True)
        self.conditions = Conditions(Phase.OFFLOADING, 1e5, 0.01, 1.0, 1.0, 1.0)
        self.proven = True

    def due(self, now_s):
        self.live.question = None
        self.live.decide(Link(self.conditions.uplink_bps, fixed_s=0.01), 1.0)
        self.work.asked(self.live, self.conditions)
        return self.work.due(self.live, now_s)

    def ended(self, job, now_s, *, done=True):
        assert self.work.ended(job, done, now_s)
        if not done:
            return
        if isinstance(job, Search):
            result = job.run()
        else:
            numbers = job.numbers
            result = SplitTable(numbers.graph, numbers.costs, encodings=numbers.encodings)
        self.live = self.live.with_result(job, result)

    def times(self, factor):
        self.live = self.live.with_costs(CostProfile(SEARCHED.costs.edge_s, tuple(factor * s for s in CLOUD_S)))


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["times", "rate", "nothing"]), st.floats(0.01, 5.0), st.floats(0.01, 30.0), st.booleans()
        ),
        min_size=1,
        max_size=30,
    )
)
def test_builds_and_searches_take_at_most_a_quarter_of_the_time(steps):
    planner, now_s, busy_s, first_s = Planner(), 0.0, 0.0, None
    for count, (what, pause_s, takes_s, done) in enumerate(steps, 1):
        if what == "times":
            planner.times(1.0 + count)
        elif what == "rate":
            planner.conditions = dataclasses.replace(planner.conditions, rate_hz=1.0 + count)
        now_s += pause_s
        job = planner.due(now_s)
        if job is None:
            continue
        if not isinstance(job, Reprice):
            # The first search and the first build come before any rest.
            assert first_s is None or planner.live.table is None or now_s - first_s >= 3.999 * busy_s
            first_s = now_s if first_s is None else first_s
            busy_s += takes_s
        assert planner.due(now_s) is None, "one at a time"
        now_s += takes_s
        planner.ended(job, now_s, done=done)


def test_a_table_that_cannot_be_priced_anew_is_built_anew():
    planner = Planner()
    for kind in (Search, Build):
        job = planner.due(0.0)
        assert type(job) is kind
        planner.ended(job, 0.0)
    planner.times(3.0)
    job = planner.due(1.0)
    assert type(job) is Reprice
    planner.ended(job, 1.0, done=False)
    job = planner.due(1.0)
    assert type(job) is Build
    planner.ended(job, 1.0)
    assert planner.due(1.0) is None
    assert planner.live.fresh


@pytest.mark.parametrize("done", [True, False])
def test_the_end_of_another_job_is_no_end(done):
    planner, other = Planner(), Planner()
    job = planner.due(0.0)
    assert not planner.work.ended(other.due(0.0), done, 0.0)
    assert planner.due(1.0) is None, "the first one runs still"
    planner.ended(job, 1.0)
    assert planner.due(1.0) is not None
