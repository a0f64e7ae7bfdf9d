import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_service.control import ProbeConfig, ProbeScheduler


def due(scheduler: ProbeScheduler, now_s: float, bps: float | None, age_s: float = math.inf, unconfirmed: bool = False):
    return scheduler.probe_due(now_s, uplink_bps=bps, age_s=age_s, unconfirmed=unconfirmed)


def test_probes_at_once_when_nothing_is_known_and_then_waits_for_the_answer():
    scheduler = ProbeScheduler()
    assert due(scheduler, 0.0, None) == 64_000
    assert due(scheduler, 0.1, None) is None
    assert due(scheduler, 2.0, None) == 64_000


def test_a_fresh_estimate_needs_no_probe():
    scheduler = ProbeScheduler()
    assert due(scheduler, 0.0, 20e6, age_s=1.9) is None
    assert due(scheduler, 0.0, 20e6, age_s=2.0) == 125_000


@pytest.mark.parametrize(
    ("bps", "size"),
    [
        (1e5, 2_000),
        (0.5e6, 4_687),
        (2e6, 16_000),
        (20e6, 125_000),
        (100e6, 625_000),
        (1e9, 1_000_000),
        (1e12, 1_000_000),
    ],
)
def test_size_is_fifty_milliseconds_of_the_link_within_bounds(bps, size):
    assert ProbeScheduler().size(bps) == size


def test_a_first_probe_that_was_too_small_is_repeated_larger_and_soon():
    scheduler = ProbeScheduler()
    assert due(scheduler, 0.0, None) == 64_000
    assert due(scheduler, 0.1, 100e6, age_s=0.0) is None
    assert due(scheduler, 1.0, 100e6, age_s=0.9) == 625_000
    assert due(scheduler, 2.5, 100e6, age_s=1.5) is None


def test_a_doubtful_estimate_is_confirmed_soon():
    scheduler = ProbeScheduler()
    due(scheduler, 0.0, 20e6)
    assert due(scheduler, 0.9, 20e6, age_s=0.0, unconfirmed=True) is None
    assert due(scheduler, 1.1, 20e6, age_s=0.0, unconfirmed=True) == 125_000


@given(st.floats(1e6, 1e12), st.floats(0.01, 0.4))
def test_probes_take_at_most_their_share_of_the_link(bps, step_s):
    scheduler = ProbeScheduler()
    due(scheduler, 0.0, bps)
    now_s, sent_bytes = 0.0, 0
    while now_s < 40.0:
        now_s += step_s
        sent_bytes += due(scheduler, now_s, bps) or 0
    assert 8 * sent_bytes / now_s <= 0.05 * bps * (1 + 1e-9)
    assert sent_bytes > 0


def test_even_a_crawling_link_is_probed_now_and_then():
    scheduler = ProbeScheduler()
    due(scheduler, 0.0, 1e3)
    assert due(scheduler, 9.9, 1e3) is None
    assert due(scheduler, 10.0, 1e3) == 2_000


@pytest.mark.parametrize(
    ("bps", "wait_s"), [(0.13e6, 2.47), (0.35e6, 1.51), (1.1e6, 1.51), (2e6, 1.28), (5e6, 1.0), (20e6, 2.0)]
)
def test_slow_links_are_probed_more_often_because_that_is_cheap(bps, wait_s):
    scheduler = ProbeScheduler()
    due(scheduler, 0.0, bps)
    assert due(scheduler, wait_s - 0.02, bps) is None
    assert due(scheduler, wait_s, bps) is not None


def test_a_far_faster_sample_is_confirmed_at_once_even_where_the_estimate_is_low():
    scheduler = ProbeScheduler()
    due(scheduler, 0.0, 0.13e6)
    asked = {"uplink_bps": 0.13e6, "age_s": 0.0, "unconfirmed": True}
    assert scheduler.probe_due(0.26, **asked) is None
    assert scheduler.probe_due(0.26, **asked, highest_bps=4e6) == 2_000


def test_after_a_probe_that_nobody_could_time_a_longer_one_follows_soon():
    scheduler = ProbeScheduler()
    assert due(scheduler, 0.0, 4e6) == 25_000
    assert scheduler.probe_due(1.01, uplink_bps=4e6, age_s=0.0, unconfirmed=False) is None
    assert scheduler.probe_due(0.25, uplink_bps=4e6, age_s=0.0, unconfirmed=False, untimed=1) == 125_000
    assert scheduler.probe_due(1.24, uplink_bps=4e6, age_s=0.0, unconfirmed=False, untimed=2) is None
    assert scheduler.probe_due(1.25, uplink_bps=4e6, age_s=0.0, unconfirmed=False, untimed=2) == 125_000


def test_pings_when_the_round_trip_is_old_and_never_twice_at_once():
    scheduler = ProbeScheduler()
    assert scheduler.ping_due(0.0, age_s=math.inf)
    assert not scheduler.ping_due(0.5, age_s=math.inf)
    assert scheduler.ping_due(1.0, age_s=math.inf)
    assert not scheduler.ping_due(3.0, age_s=0.2)
    assert scheduler.ping_due(3.0, age_s=0.2, interval_s=0.1)


def test_restart_forgets_what_is_under_way():
    scheduler = ProbeScheduler()
    due(scheduler, 0.0, None)
    scheduler.ping_due(0.0, age_s=math.inf)
    scheduler.restart()
    assert due(scheduler, 0.1, None) == 64_000
    assert scheduler.ping_due(0.1, age_s=math.inf)


@pytest.mark.parametrize(
    "wrong", [{"min_bytes": 0}, {"max_bytes": 10}, {"confirm_s": 3.0}, {"share": 0.0}, {"share": 2.0}]
)
def test_wrong_settings_are_refused(wrong):
    with pytest.raises(ValueError, match=r"must"):
        ProbeConfig(**wrong)


def test_pings_that_keep_a_connection_warm_follow_the_silence_not_the_answers():
    scheduler = ProbeScheduler()
    assert scheduler.ping_due(0.0, age_s=0.0, interval_s=0.1)
    assert not scheduler.ping_due(0.09, age_s=5.0, interval_s=0.1)
    assert scheduler.ping_due(0.1, age_s=0.05, interval_s=0.1)
    assert not scheduler.ping_due(5.0, age_s=0.9)
    assert scheduler.ping_due(5.0, age_s=1.0)


def test_a_probe_in_slow_start_outgrows_the_window():
    scheduler = ProbeScheduler()
    assert scheduler.size(100e6, slow_start_rtt_s=0.05) == 3_125_000
    assert scheduler.size(1e9, slow_start_rtt_s=0.05) == 4_000_000
    assert scheduler.size(2e6, slow_start_rtt_s=0.05) == scheduler.size(2e6) == 16_000
