"""Replicas behind one address: whose estimates count, what is a factor, what is a new table, and what is forgotten."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_service.control import (
    CloudLoadReported,
    CloudProfiled,
    OverheadMeasured,
    ReplicaAnswers,
    TailMeasured,
)
from edge_service.control.estimators.replicas import Replicas

TABLE_S = (0.0, 0.01, 0.02, 0.01)
TWICE_S = tuple(2 * seconds for seconds in TABLE_S)
OTHER_S = (0.0, 0.02, 0.01, 0.01)


@pytest.fixture
def replicas():
    """Replica A was profiled, and answers."""
    made = Replicas()
    made.observe(CloudProfiled(TABLE_S, replica="A"), 0.0)
    made.observe(ReplicaAnswers("A"), 0.0)
    return made


def test_a_cloud_without_names_is_one_replica_whose_profiles_replace_the_table():
    unnamed = Replicas()
    for cloud_s in (TABLE_S, TWICE_S):
        unnamed.observe(CloudProfiled(cloud_s), 0.0)
        assert unnamed.table.cloud_s == cloud_s
        assert unnamed.load_factor(0.0) == 1.0
    for now_s in (1.0, 2.0):
        unnamed.observe(TailMeasured(0.01, 0.03), now_s)
    assert unnamed.load_factor(2.0) == pytest.approx(3.0)
    assert unnamed.seen(2.0) == 0
    assert not unnamed.profile_due(3.0)


def test_the_load_of_a_replica_that_the_pulse_reaches_changes_nothing(replicas):
    for now_s in (1.0, 2.0, 3.0):
        replicas.observe(CloudLoadReported(9.0, "B"), now_s)
        replicas.observe(CloudLoadReported(1.5, "A"), now_s)
    assert replicas.load_factor(3.0) < 1.6
    replicas.observe(ReplicaAnswers("B"), 3.0)
    assert replicas.load_factor(3.0) == pytest.approx(9.0)
    assert replicas.seen(3.0) == 2


def test_tails_and_overheads_count_where_they_ran(replicas):
    replicas.observe(ReplicaAnswers("B"), 1.0)
    for now_s in (1.0, 1.1, 1.2):  # answers of frames that were still on the old stream
        replicas.observe(TailMeasured(0.01, 0.05, "A"), now_s)
        replicas.observe(OverheadMeasured(0.08, "A"), now_s)
    assert replicas.load_factor(1.2) == 1.0
    assert replicas.overhead_s(1.2) == 0.0
    replicas.observe(ReplicaAnswers("A"), 1.3)
    assert replicas.load_factor(1.3) == pytest.approx(5.0)
    assert replicas.overhead_s(1.3) == pytest.approx(0.08)


def test_own_tails_outweigh_that_replicas_reports_and_no_others(replicas):
    for now_s in (1.0, 1.1, 1.2):
        replicas.observe(TailMeasured(0.01, 0.01, "A"), now_s)
        replicas.observe(CloudLoadReported(4.0, "A"), now_s)
        replicas.observe(CloudLoadReported(4.0, "B"), now_s)
    assert replicas.load_factor(1.2) == pytest.approx(1.0)
    replicas.observe(ReplicaAnswers("B"), 1.2)
    assert replicas.load_factor(1.2) == pytest.approx(4.0)


def test_a_replica_of_the_same_shape_is_a_factor_on_one_table(replicas):
    replicas.observe(CloudProfiled(TWICE_S, replica="B", again=True), 1.0)
    assert replicas.load_factor(1.0) == 1.0, "it was asked, but does not answer frames"
    replicas.observe(ReplicaAnswers("B"), 1.0)
    assert replicas.table.cloud_s == TABLE_S
    assert replicas.load_factor(1.0) == pytest.approx(2.0)
    for now_s in (1.1, 1.2, 1.3):
        replicas.observe(TailMeasured(0.01, 0.06, "B"), now_s)  # the table's 0.01 s are 0.02 s there, at load 3
    assert replicas.load_factor(1.3) == pytest.approx(6.0)
    assert replicas.load_factor(1000.0) == pytest.approx(2.0), "the load passes, the speed stays"


def test_a_replica_of_another_shape_brings_its_own_table(replicas):
    replicas.observe(CloudProfiled(OTHER_S, replica="B", again=True), 1.0)
    assert replicas.table.cloud_s == TABLE_S
    replicas.observe(ReplicaAnswers("B"), 1.0)
    assert (replicas.table.cloud_s, replicas.load_factor(1.0)) == (OTHER_S, 1.0)
    replicas.observe(ReplicaAnswers("A"), 2.0)
    assert (replicas.table.cloud_s, replicas.load_factor(2.0)) == (TABLE_S, 1.0)


@pytest.mark.parametrize(("off", "table"), [(1.15, TABLE_S), (1.4, None)])
def test_a_tenth_of_the_time_may_be_spent_in_other_layers(replicas, off, table):
    other_s = (0.0, 0.01 * off, 0.02, 0.01)
    replicas.observe(CloudProfiled(other_s, replica="B"), 1.0)
    assert replicas.table.cloud_s == (table or other_s)


def test_a_replica_that_accepts_other_encodings_brings_its_own_table(replicas):
    replicas.observe(CloudProfiled(TABLE_S, {"zstd": TABLE_S}, replica="B"), 1.0)
    assert replicas.table.decode_s == {"zstd": TABLE_S}


def test_a_new_replica_is_learnt_from_its_answers_until_its_profile_comes(replicas):
    assert not replicas.profile_due(1.0)
    replicas.observe(ReplicaAnswers("B"), 1.0)
    for now_s in (1.0, 1.1):
        replicas.observe(TailMeasured(0.01, 0.03, "B"), now_s)
    assert replicas.load_factor(1.1) == pytest.approx(3.0)
    due_s = [second / 10 for second in range(10, 100) if replicas.profile_due(second / 10)]
    assert due_s == [1.0, 2.0, 4.0, 8.0], "behind a balancer another may answer, so it is asked again, less and less"
    replicas.observe(CloudProfiled(TABLE_S, replica="C", again=True), 10.0)
    assert replicas.load_factor(10.0) == pytest.approx(3.0)
    assert replicas.profile_due(16.0)
    replicas.observe(CloudProfiled(tuple(3 * seconds for seconds in TABLE_S), replica="B", again=True), 17.0)
    assert replicas.load_factor(17.0) == pytest.approx(3.0), "what was learnt as load is its speed"
    assert not replicas.profile_due(1000.0)


def test_round_trips_belong_to_the_replica_that_answered_and_a_new_one_begins_with_the_last(replicas):
    replicas.round_trip.add(0.02, 0.0)
    replicas.observe(ReplicaAnswers("B"), 1.0)
    assert replicas.round_trip.minimum_s == 0.02
    replicas.round_trip.add(0.005, 1.0)
    replicas.observe(ReplicaAnswers("A"), 2.0)
    assert replicas.round_trip.minimum_s == 0.02


def test_a_cloud_that_names_itself_only_in_answers_keeps_what_was_learnt():
    late = Replicas()
    late.round_trip.add(0.03, 0.0)
    late.observe(OverheadMeasured(0.01), 0.0)
    late.observe(ReplicaAnswers("A"), 0.0)
    assert (late.round_trip.minimum_s, late.overhead_s(0.0)) == (0.03, 0.01)


def test_invented_names_are_forgotten_and_the_one_that_answers_is_not(replicas):
    replicas.observe(CloudProfiled(TWICE_S, replica="B", again=True), 0.5)
    replicas.observe(ReplicaAnswers("B"), 0.5)
    for number in range(1000):
        replicas.observe(CloudLoadReported(2.0, f"invented {number}"), 1.0 + number / 1000)
    assert replicas.seen(2.0) == 32
    assert replicas.answering == "B"
    assert replicas.load_factor(2.0) == pytest.approx(2.0)
    assert replicas.seen(5000.0) == 0


NAMES = st.sampled_from(["", "A", "B", "C"])
SECONDS = st.floats(allow_nan=True, allow_infinity=True)
TIMES_S = st.lists(st.floats(0.0, 1e300), min_size=3, max_size=3).map(tuple)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.builds(CloudLoadReported, SECONDS, NAMES),
            st.builds(TailMeasured, SECONDS, SECONDS, NAMES),
            st.builds(OverheadMeasured, SECONDS, NAMES),
            st.builds(ReplicaAnswers, NAMES),
            st.builds(CloudProfiled, TIMES_S, st.just({}), st.booleans(), NAMES, st.booleans()),
        ),
        max_size=30,
    )
)
def test_whatever_peers_say_the_factor_stays_a_number(events):
    replicas = Replicas(most=3)
    for now_s, event in enumerate(events):
        replicas.observe(event, float(now_s))
        assert 0.0 < replicas.load_factor(float(now_s)) < math.inf
        assert 0.0 <= replicas.overhead_s(float(now_s)) < math.inf
