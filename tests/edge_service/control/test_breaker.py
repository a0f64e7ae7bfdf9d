import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_service.control import Breaker, BreakerConfig, BreakerState


def test_opens_after_failures_in_a_row_only():
    breaker = Breaker()
    for now_s in (0.0, 1.0):
        breaker.failed(now_s)
    breaker.succeeded(1.5)
    for now_s in (2.0, 3.0):
        breaker.failed(now_s)
    assert breaker.state is BreakerState.CLOSED
    breaker.failed(4.0)
    assert breaker.state is BreakerState.OPEN
    assert breaker.retry_at_s == 4.5


def test_a_loss_opens_at_once():
    breaker = Breaker()
    breaker.trip(7.0)
    assert breaker.state is BreakerState.OPEN
    assert not breaker.allows(7.4)


def test_failures_of_calls_in_flight_are_one_outage():
    breaker = Breaker()
    breaker.trip(7.0)
    for _ in range(10):
        breaker.failed(7.1)
        breaker.trip(7.1)
    assert breaker.retry_at_s == 7.5


def test_hands_out_one_trial_and_doubles_the_wait_up_to_a_limit():
    breaker, now_s, waits = Breaker(BreakerConfig(longest_wait_s=5.0)), 0.0, []
    breaker.trip(now_s)
    for _ in range(6):
        waits.append(breaker.retry_at_s - now_s)
        now_s = breaker.retry_at_s
        assert breaker.allows(now_s)
        assert breaker.state is BreakerState.HALF_OPEN
        assert not breaker.allows(now_s)
        breaker.failed(now_s)
    assert waits == [0.5, 1.0, 2.0, 4.0, 5.0, 5.0]


def test_a_trial_without_outcome_is_followed_by_another():
    breaker = Breaker()
    breaker.trip(0.0)
    assert breaker.allows(0.5)
    assert not breaker.allows(0.9)
    assert breaker.allows(1.0)


def test_success_closes_and_starts_the_wait_over():
    breaker = Breaker()
    breaker.trip(0.0)
    breaker.allows(0.5)
    breaker.failed(0.5)
    breaker.allows(1.5)
    breaker.succeeded(1.6)
    assert breaker.state is BreakerState.CLOSED
    assert breaker.retry_at_s is None
    breaker.trip(10.0)
    assert breaker.retry_at_s == 10.5


def test_a_sign_of_life_closes_after_the_wait_but_the_next_wait_is_longer():
    breaker = Breaker()
    assert not breaker.resume(0.0)
    waits = []
    now_s = 0.0
    for _ in range(5):
        breaker.trip(now_s)
        waits.append(breaker.retry_at_s - now_s)
        assert not breaker.resume(now_s + waits[-1] * 0.9)
        now_s += waits[-1]
        assert breaker.resume(now_s)
        assert breaker.state is BreakerState.CLOSED
    assert waits == [0.5, 1.0, 2.0, 4.0, 5.0]
    breaker.succeeded(now_s)
    breaker.trip(now_s)
    assert breaker.retry_at_s == now_s + 0.5


def test_the_other_side_says_when_it_wants_to_be_tried_again():
    breaker = Breaker()
    breaker.trip(0.0, asked_s=3.0)
    assert breaker.retry_at_s == 3.0
    assert breaker.allows(3.0)
    breaker.trip(3.1, asked_s=1.0)
    assert breaker.retry_at_s == 4.1, "not after a backoff that grows"


def test_a_hold_outlasts_answers_on_their_way_and_ends_with_a_sign_of_life():
    breaker = Breaker()
    breaker.hold(0.0, 2.0)
    breaker.succeeded(0.1)
    assert breaker.state is BreakerState.OPEN
    assert not breaker.resume(1.9)
    assert breaker.resume(2.0)
    assert breaker.state is BreakerState.CLOSED
    breaker.trip(2.1)
    assert breaker.retry_at_s == 2.6, "to be asked to wait is no failure"


def test_a_hold_is_prolonged_and_never_cut_short():
    breaker = Breaker()
    breaker.hold(0.0, 2.0)
    breaker.hold(0.5, 0.5)
    assert breaker.retry_at_s == 2.0
    breaker.hold(1.0, 2.0)
    assert breaker.retry_at_s == 3.0
    breaker.succeeded(3.0)
    assert breaker.state is BreakerState.CLOSED


@pytest.mark.parametrize("asked_s", [-1.0, 0.0, float("nan"), 1e300, float("inf")])
def test_what_is_asked_is_bounded(asked_s):
    held, tripped = Breaker(), Breaker()
    held.hold(10.0, asked_s)
    tripped.trip(10.0, asked_s=asked_s)
    assert 10.5 <= held.retry_at_s == tripped.retry_at_s <= 70.0


def test_expecting_a_first_contact_allows_a_trial_at_once():
    breaker = Breaker()
    breaker.expect(0.0)
    assert breaker.state is BreakerState.OPEN
    assert breaker.allows(0.0)


@given(
    st.lists(
        st.tuples(st.sampled_from(["allows", "failed", "trip", "succeeded", "resume"]), st.floats(0, 3)), max_size=80
    )
)
def test_trials_are_never_closer_than_the_first_wait(steps):
    breaker, now_s, last_trial_s = Breaker(), 0.0, -100.0
    for step, pause_s in steps:
        now_s += pause_s
        was_closed = breaker.state is BreakerState.CLOSED
        answer = getattr(breaker, step)(now_s)
        if step == "succeeded":
            last_trial_s = -100.0
        if step in ("allows", "resume") and answer and not was_closed:
            assert now_s - last_trial_s >= 0.5
            last_trial_s = now_s
        assert (breaker.retry_at_s is None) == (breaker.state is BreakerState.CLOSED)
        assert breaker.retry_at_s is None or breaker.retry_at_s <= now_s + 5.0


@pytest.mark.parametrize(
    "wrong",
    [
        {"failures_to_open": 0},
        {"first_wait_s": 0.0},
        {"first_wait_s": 9.0},
        {"factor": 0.5},
        {"longest_asked_s": 0.0},
        {"longest_wait_s": float("inf")},
        {"longest_resume_s": 0.1},
        {"longest_resume_s": float("inf")},
    ],
)
def test_wrong_settings_are_refused(wrong):
    with pytest.raises(ValueError, match=r"must"):
        BreakerConfig(**wrong)


def test_trials_that_cost_a_call_come_more_often_than_those_that_cost_frames():
    breaker, now_s, waits = Breaker(), 0.0, []
    breaker.trip(now_s)
    for _ in range(4):
        waits.append(breaker.retry_at_s - now_s)
        now_s = breaker.retry_at_s
        assert breaker.allows(now_s)
        breaker.failed(now_s)
    assert waits == [0.5, 1.0, 1.0, 1.0]
