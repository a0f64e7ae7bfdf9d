import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_service.control import (
    CloudProfiled,
    Controller,
    ControllerConfig,
    RateChanged,
    RoundTripMeasured,
    UplinkMeasured,
    UploadLate,
)
from edge_service.control.estimators.slow_start import INITIAL_WINDOW_BYTES, SlowStart, SlowStartShare, Warmth
from partitioner import Layer, LayerGraph

sizes = st.floats(1, 1e8)
rates = st.floats(1e5, 1e10)
trips = st.floats(0.0, 0.5)
shares = st.floats(0.0, 1.25)


def test_what_a_megabyte_loses_on_a_long_fat_link():
    # Measured with cubic over 100 Mbit/s and 50 ms: 227 ms; rounds of 14.5, 29, 58, 116, 232 and 463 kB.
    assert SlowStart(100e6 * 1448 / 1500, 0.05).lost_s(1e6) == pytest.approx(0.227, abs=0.01)


def test_the_first_window_loses_nothing_nor_does_a_link_that_it_covers():
    assert SlowStart(1e9, 0.1).lost_s(INITIAL_WINDOW_BYTES) == 0.0
    assert SlowStart(1e6, 0.1).lost_s(1e8) == 0.0
    assert SlowStart(1e9, 0.0).lost_s(1e8) == 0.0


@given(sizes, sizes, rates, trips, shares)
def test_more_bytes_lose_no_less_and_no_more_than_all_rounds(one, other, bps, rtt_s, share):
    slow_start = SlowStart(bps, rtt_s, share)
    low, high = sorted((one, other))
    assert 0.0 <= slow_start.lost_s(low) <= slow_start.lost_s(high)
    rounds = max(0.0, math.log2(bps * rtt_s / 8 / INITIAL_WINDOW_BYTES)) + 1 if rtt_s else 0
    assert slow_start.lost_s(high) <= share * rounds * rtt_s + 1e-9


class TestShare:
    def test_is_nothing_until_seen_and_then_what_was_seen(self):
        share = SlowStartShare()
        assert share.value == 0.0
        open_s, lost_s = 8e6 / 100e6, SlowStart(100e6, 0.05).lost_s(1e6)
        assert share.add(1_000_000, open_s + 0.9 * lost_s, 100e6, 0.05)
        assert share.value == pytest.approx(0.9)
        share.add(1_000_000, open_s, 100e6, 0.05)
        assert share.value == pytest.approx(0.45)
        share.add(1_000_000, open_s + lost_s, 100e6, 0.05)
        assert share.value == pytest.approx(1.0)

    def test_learns_nothing_where_nothing_is_to_be_lost(self):
        share = SlowStartShare()
        assert not share.add(1_000_000, 5.0, 2e6, 0.01)
        assert not share.add(10_000, 5.0, 100e6, 0.05)
        assert not share.add(1_000_000, math.nan, 100e6, 0.05)
        assert share.value == 0.0

    @given(st.floats(1e-6, 1e6))
    def test_stays_within_bounds(self, seconds):
        share = SlowStartShare()
        share.add(1_000_000, seconds, 100e6, 0.05)
        assert 0.0 <= share.value <= 1.25


class TestWarmth:
    def test_small_calls_keep_open_what_an_upload_opened_and_open_nothing(self):
        warmth = Warmth()
        assert warmth.window_bytes(0.0, 0.05) == INITIAL_WINDOW_BYTES
        warmth.sent(0, 0.0, 0.05, 0.05)
        assert warmth.window_bytes(0.1, 0.05) == INITIAL_WINDOW_BYTES
        warmth.sent(150_000, 0.1, 0.3, 0.05)
        for tenth in range(4, 20):
            warmth.sent(0, tenth / 10, tenth / 10 + 0.05, 0.05)
        assert warmth.window_bytes(2.1, 0.05) == INITIAL_WINDOW_BYTES + 75_000

    def test_a_gap_longer_than_a_timeout_closes_it_for_good(self):
        warmth = Warmth()
        warmth.sent(1_000_000, 0.0, 0.3, 0.05)
        assert warmth.window_bytes(0.54, 0.05) > 500_000
        assert warmth.window_bytes(0.56, 0.05) == INITIAL_WINDOW_BYTES
        warmth.sent(0, 0.6, 0.65, 0.05)
        assert warmth.window_bytes(0.7, 0.05) == INITIAL_WINDOW_BYTES

    def test_a_new_connection_starts_small(self):
        warmth = Warmth()
        warmth.sent(1_000_000, 0.0, 0.3, 0.05)
        warmth.restart()
        assert warmth.window_bytes(0.31, 0.05) == INITIAL_WINDOW_BYTES


BPS, RTT_S = 100e6, 0.05
GRAPH = LayerGraph(
    (Layer("image", (), 1_000_000), Layer("small", ("image",), 10_000), Layer("end", ("small",), 10)), ("end",)
)
LOST_S = SlowStart(BPS, RTT_S).lost_s(1e6)


def controller_at(rate_hz, small_s):
    """A controller that knows its link; 10 kB may be sent after `small_s` of edge time, or 1 MB at once."""
    controller = Controller(GRAPH, (0.0, small_s, 100.0), ControllerConfig(), rate_hz)
    controller.observe(CloudProfiled((0.0, 0.0, 0.0)), 0.0)
    controller.observe(RoundTripMeasured(RTT_S), 0.1)
    controller.observe(UplinkMeasured(1_000_000, 8e6 / BPS), 0.3)
    return controller


def upload_after_pause(controller, now_s, seconds):
    controller.observe(UplinkMeasured(1_000_000, seconds, after_idle=True), now_s)


def test_rare_frames_are_priced_with_the_slow_start_that_was_seen():
    controller = controller_at(0.01, small_s=0.2)
    assert controller.plan(1.0).partition.cut == ("image",)  # 80 ms against 200
    upload_after_pause(controller, 100.0, 8e6 / BPS + LOST_S)
    plan = controller.plan(200.0)
    assert plan.partition.cut == ("small",)  # 307 ms against 201
    controller = controller_at(0.01, small_s=1.0)
    upload_after_pause(controller, 100.0, 8e6 / BPS + LOST_S)
    plan = controller.plan(200.0)
    assert plan.partition.cut == ("image",)
    assert plan.partition.transfer_s == pytest.approx(8e6 / BPS + LOST_S, rel=0.02)


def test_an_upload_after_a_pause_moves_the_estimate_neither_when_it_ends_nor_while_it_lasts():
    controller = controller_at(0.01, small_s=1.0)
    controller.observe(UploadLate(1_000_000, 8e6 / BPS + LOST_S), 100.0)
    upload_after_pause(controller, 100.0, 8e6 / BPS + LOST_S)
    assert controller.state(101.0).uplink_bps == pytest.approx(BPS)
    controller.observe(UploadLate(1_000_000, 2.0), 200.0)
    assert controller.state(200.0).uplink_bps == pytest.approx(8e6 / 2.0)


def test_a_sender_that_does_not_slow_start_is_priced_so():
    controller = controller_at(0.01, small_s=0.2)
    upload_after_pause(controller, 100.0, 8e6 / BPS)
    assert controller.plan(200.0).partition.cut == ("image",)


def test_frames_that_are_not_rare_are_kept_warm_and_priced_so():
    controller = controller_at(0.01, small_s=0.2)
    upload_after_pause(controller, 100.0, 8e6 / BPS + LOST_S)
    controller.plan(100.0)
    assert sum(controller.ping_due(100.2 + i / 10) for i in range(9)) <= 1
    controller.observe(RateChanged(0.1), 101.0)
    assert controller.plan(101.0).partition.cut == ("image",)
    upload_after_pause(controller, 101.0, 8e6 / BPS + LOST_S)
    controller.observe(UplinkMeasured(1_000_000, 8e6 / BPS), 101.1)
    for i in range(20):
        now_s = 101.2 + i / 8
        assert controller.ping_due(now_s)
        controller.observe(RoundTripMeasured(RTT_S), now_s)
    # Kept warm all along, an upload after a pause of frames measures the link as any other.
    for _ in range(2):
        upload_after_pause(controller, 103.6 + RTT_S + 0.16, 0.16)
    assert controller.state(104.0).uplink_bps == pytest.approx(8e6 / 0.16)


def test_a_probe_out_of_a_small_window_never_makes_the_link_look_slow():
    controller = controller_at(1.0, small_s=0.2)
    for now_s in (50.0, 100.0, 150.0):
        controller.observe(UplinkMeasured(32_000, 0.05, by_receiver=True), now_s)
    assert controller.state(150.0).uplink_bps == pytest.approx(BPS)
    assert controller.probe_due(200.0) == 5 * BPS * RTT_S / 8
    # One that outgrew its window does.
    for now_s in (200.0, 250.0):
        controller.observe(UplinkMeasured(1_000_000, 0.8, by_receiver=True), now_s)
    assert controller.state(250.0).uplink_bps == pytest.approx(10e6)


def test_rare_frames_are_probed_for_no_more_often_than_they_come():
    controller = controller_at(0.15, small_s=0.2)
    probes = []
    for i in range(400):
        if (size := controller.probe_due(i / 20)) is not None:
            probes.append(i / 20)
            controller.observe(UplinkMeasured(size, 8 * size / BPS, by_receiver=True), i / 20 + 0.05)
    assert all(6.6 < after - before < 7.0 for before, after in itertools.pairwise(probes[1:]))
    assert len(probes) >= 2


def test_a_link_that_looks_as_slow_as_the_first_window_allows_is_kept_warm_and_not_believed():
    # 8 Mbit/s and 20 ms hold 20 kB. Out of 14.5 kB, small uploads read 4.5 Mbit/s: 11 kB, which the window would hold.
    controller = Controller(GRAPH, (0.0, 1.0, 100.0), ControllerConfig(), 1.0)
    controller.observe(CloudProfiled((0.0, 0.0, 0.0)), 0.0)
    controller.observe(RoundTripMeasured(0.02), 0.1)
    controller.observe(UplinkMeasured(100_000, 0.1), 0.3)
    for now_s in (10.0, 20.0, 30.0):
        assert controller.slow_starts(now_s)
        controller.observe(UplinkMeasured(28_000, 0.05, after_idle=True), now_s)
    assert controller.state(30.0).uplink_bps == pytest.approx(8e6)
    assert [controller.ping_due(40.0 + i / 8) for i in range(5)] == [True] * 5


def test_uploads_out_of_a_small_window_raise_an_estimate_that_is_a_little_too_low():
    controller = controller_at(1.0, small_s=0.2)
    for now_s in range(10, 100, 10):
        controller.observe(UplinkMeasured(1_000_000, 8e6 / (1.3 * BPS), after_idle=True), float(now_s))
    assert controller.state(100.0).uplink_bps == pytest.approx(1.3 * BPS, rel=0.05)


def test_slow_start_is_learned_only_against_a_rate_that_is_known():
    controller = Controller(GRAPH, (0.0, 1.0, 100.0), ControllerConfig(), 0.01)
    controller.observe(CloudProfiled((0.0, 0.0, 0.0)), 0.0)
    controller.observe(RoundTripMeasured(RTT_S), 0.1)
    controller.observe(UplinkMeasured(32_000, 0.05, by_receiver=True), 0.3)  # a lower bound
    for now_s in (10.0, 20.0):
        upload_after_pause(controller, now_s, 0.2)
    for now_s in (30.0, 30.2):
        controller.observe(UplinkMeasured(2_000_000, 16e6 / BPS, by_receiver=True), now_s)
    assert controller.plan(40.0).partition.transfer_s == pytest.approx(8e6 / BPS, rel=0.01)
    upload_after_pause(controller, 100.0, 8e6 / BPS + LOST_S)
    assert controller.plan(200.0).partition.transfer_s == pytest.approx(8e6 / BPS + LOST_S, rel=0.05)
