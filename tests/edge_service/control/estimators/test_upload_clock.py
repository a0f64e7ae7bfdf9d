import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_service.control import UplinkMeasured, UploadClock, UploadLate, UploadStalled

BPS = 20e6
RTT_S = 0.05


class Path:
    """A link that sends one upload after another, and a server; says when each answer comes."""

    def __init__(self, bps: float = BPS):
        self.bps = bps
        self.free_at_s = 0.0

    def answer_at_s(self, sent_at_s: float, sent_bytes: int, server_s: float) -> float:
        self.free_at_s = max(self.free_at_s, sent_at_s) + 8 * sent_bytes / self.bps
        return self.free_at_s + RTT_S + server_s


def test_the_first_upload_is_marked_as_after_idle():
    clock = UploadClock()
    clock.sent(1, 250_000, 10.0)
    (sample,) = clock.answered(1, 10.0 + 0.1 + RTT_S + 0.03, server_s=0.03, rtt_s=RTT_S)
    assert sample == UplinkMeasured(250_000, pytest.approx(0.1), after_idle=True)


@pytest.mark.parametrize(("gap_s", "after_idle"), [(0.2, False), (0.4, True)])
def test_a_pause_marks_the_next_sample(gap_s, after_idle):
    clock, path = UploadClock(), Path()
    clock.sent(1, 250_000, 0.0)
    clock.answered(1, path.answer_at_s(0.0, 250_000, 0.0), server_s=0.0, rtt_s=RTT_S)
    sent_at_s = path.free_at_s + gap_s
    clock.sent(2, 250_000, sent_at_s)
    (sample,) = clock.answered(2, path.answer_at_s(sent_at_s, 250_000, 0.0), server_s=0.0, rtt_s=RTT_S)
    assert sample.after_idle is after_idle
    assert sample.seconds == pytest.approx(0.1)


@given(st.integers(0, 2**32), st.integers(2, 12))
def test_with_many_in_flight_and_answers_out_of_order_every_rate_is_exact(seed, frames):
    rng = random.Random(seed)
    clock, path, answers = UploadClock(), Path(), []
    now_s = 0.0
    for frame in range(frames):
        now_s += rng.choice([0.0, 0.01, 0.2])
        sent_bytes, server_s = rng.randint(20_000, 500_000), rng.choice([0.001, 0.02, 0.5])
        clock.sent(frame, sent_bytes, now_s)
        answers.append((path.answer_at_s(now_s, sent_bytes, server_s), frame, server_s))
    samples = []
    for answered_s, frame, server_s in sorted(answers):
        samples += clock.answered(frame, answered_s, server_s=server_s, rtt_s=RTT_S)
    assert len(samples) == frames
    assert not clock._uploads
    for sample in samples:
        assert 8 * sample.bytes / sample.seconds == pytest.approx(BPS, rel=1e-6)


def test_after_a_lost_frame_one_sample_is_missing_and_none_is_wrong():
    clock, path = UploadClock(), Path()
    answered_s = []
    for frame in range(4):
        clock.sent(frame, 250_000, 0.0)
        answered_s.append(path.answer_at_s(0.0, 250_000, 0.0))
    samples = list(clock.answered(0, answered_s[0], server_s=0.0, rtt_s=RTT_S))
    samples += clock.answered(2, answered_s[2], server_s=0.0, rtt_s=RTT_S)
    assert len(samples) == 1
    _, later = clock.lost(1, answered_s[2] + 0.01)
    samples += later
    samples += clock.answered(3, answered_s[3], server_s=0.0, rtt_s=RTT_S)
    assert [sample.seconds for sample in samples] == [pytest.approx(0.1)] * 2


def test_a_lost_frame_bounds_the_rate():
    clock = UploadClock()
    clock.sent(1, 100_000, 10.0)
    clock.sent(2, 50_000, 10.1)
    stalled, _ = clock.lost(2, 13.0, server_s=0.5, rtt_s=RTT_S)
    assert stalled == UploadStalled(150_000, pytest.approx(2.45)), "both may still be on their way"
    assert clock.lost(3, 13.0) == (None, ())


@given(st.integers(0, 2**32))
def test_the_bound_of_a_lost_frame_is_never_below_the_true_rate(seed):
    rng = random.Random(seed)
    clock, path = UploadClock(), Path()
    ends_s, now_s = [], 0.0
    for frame in range(6):
        now_s += rng.choice([0.0, 0.05, 0.4])
        sent_bytes = rng.randint(20_000, 500_000)
        clock.sent(frame, sent_bytes, now_s)
        ends_s.append((path.answer_at_s(now_s, sent_bytes, 0.0), frame))
    lost = rng.randrange(6)
    for answered_s, frame in ends_s[: rng.randint(0, lost)]:
        clock.answered(frame, answered_s, server_s=0.0, rtt_s=RTT_S)
    given_up_s = ends_s[lost][0] - rng.uniform(0.0, 0.05)  # just before the answer would have come
    stalled, _ = clock.lost(lost, given_up_s, rtt_s=RTT_S)
    if stalled is not None:
        assert 8 * stalled.bytes / stalled.seconds >= BPS * (1 - 1e-9)


def test_answers_to_unknown_frames_and_impossible_times_say_nothing():
    clock = UploadClock()
    assert clock.answered(7, 1.0, server_s=0.0, rtt_s=0.0) == ()
    clock.sent(1, 100_000, 1.0)
    assert clock.answered(1, 1.01, server_s=0.5, rtt_s=0.1) == ()


def test_what_is_under_way_while_the_link_stands_still_gives_no_sample():
    clock = UploadClock()
    clock.sent(1, 100_000, 0.0)
    clock.answered(1, 0.1, server_s=0.0, rtt_s=0.0)
    clock.sent(2, 100_000, 0.1)
    clock.sent(3, 100_000, 0.2)
    clock.doubt()
    assert clock.late(5.0) is None
    assert clock.answered(2, 1.3, server_s=0.0, rtt_s=0.0) == ()
    assert clock.answered(3, 1.4, server_s=0.0, rtt_s=0.0) == ()
    clock.sent(4, 100_000, 1.4)
    assert clock.answered(4, 1.5, server_s=0.0, rtt_s=0.0) == (), "nobody knows when the last of these ended"
    clock.sent(5, 100_000, 1.5)
    (sample,) = clock.answered(5, 1.6, server_s=0.0, rtt_s=0.0)
    assert sample.seconds == pytest.approx(0.1)


def test_a_new_stream_is_cold_and_empty():
    clock = UploadClock()
    clock.sent(1, 100_000, 0.0)
    clock.restart()
    assert not clock._uploads
    clock.sent(2, 100_000, 0.1)
    (sample,) = clock.answered(2, 0.2, server_s=0.0, rtt_s=0.0)
    assert sample.after_idle


def test_an_upload_under_way_bounds_the_rate_more_and_more():
    clock = UploadClock()
    assert clock.late(10.0) is None
    clock.sent(1, 250_000, 10.0)
    clock.sent(2, 250_000, 10.0)
    assert clock.late(10.5, server_s=0.1, rtt_s=0.1) == UploadLate(250_000, pytest.approx(0.3))
    assert clock.late(12.0, server_s=0.1, rtt_s=0.1) == UploadLate(250_000, pytest.approx(1.8))
    clock.answered(1, 12.0, server_s=0.1, rtt_s=0.1)
    assert clock.late(12.0, server_s=0.1, rtt_s=0.1) is None
    assert clock.late(13.0, server_s=0.1, rtt_s=0.1) == UploadLate(250_000, pytest.approx(1.0))
