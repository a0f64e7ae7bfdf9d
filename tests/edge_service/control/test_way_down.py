"""Models with large answers: up and down are timed apart, and both count in a decision. Nothing sleeps."""

import math
from dataclasses import replace

import pytest

from edge_service.control import (
    AnswerMissed,
    CloudProfiled,
    Controller,
    DownlinkAtLeast,
    DownlinkMeasured,
    DownloadStalled,
    Duty,
    Flow,
    HeartbeatsResumed,
    Mode,
    Phase,
    RoundTripMeasured,
    ServerTimes,
    UplinkMeasured,
    UploadLate,
    UploadStalled,
)
from edge_service.control.conditions import Conditions
from edge_service.control.estimators.slow_start import SlowStart
from edge_service.control.policies import Chain
from edge_service.control.pricing import link_for, price
from partitioner import CostProfile, Layer, LayerGraph, Link, dsl, splits_of

# The head's output is large, and the edge is slow: what comes down decides where it runs.
GRAPH = LayerGraph(
    (
        Layer("image", (), 100_000),
        Layer("stem", ("image",), 80_000),
        Layer("body", ("stem",), 20_000),
        Layer("raw_heads", ("body",), 1_000_000),
    ),
    ("raw_heads",),
)
EDGE_S = (0.0, 0.2, 0.3, 0.3)
CLOUD_S = (0.0, 0.02, 0.03, 0.03)
ALL = frozenset(layer.name for layer in GRAPH.layers)
RTT_S = 0.02
UP_BPS = 20e6
UP_BYTES, DOWN_BYTES = 100_000, 1_000_000
UP_S = 8 * UP_BYTES / UP_BPS
SERVER_S = 0.08
SILENCE_S = 1.8


def controller(down_bps: float | None = None, rate_hz: float = 0.5, graph=GRAPH, **fields) -> Controller:
    made = Controller(graph, EDGE_S, rate_hz=rate_hz, **fields)
    made.observe(CloudProfiled(CLOUD_S), 0.0)
    made.observe(RoundTripMeasured(RTT_S), 0.0)
    for _ in range(2):
        made.observe(UplinkMeasured(500_000, 8 * 500_000 / UP_BPS), 0.0)
        if down_bps is not None:
            made.observe(DownlinkMeasured(DOWN_BYTES, 8 * DOWN_BYTES / down_bps), 0.0)
    return made


class Watched(Controller):
    """A controller that remembers what it observed."""

    def observe(self, event, now_s):
        self.seen = [*getattr(self, "seen", []), event]
        super().observe(event, now_s)

    def of(self, *kinds):
        return [event for event in self.seen if isinstance(event, kinds)]


@pytest.fixture
def watched():
    made = Watched(GRAPH, EDGE_S, rate_hz=0.5)
    for event in (CloudProfiled(CLOUD_S), RoundTripMeasured(RTT_S), UplinkMeasured(500_000, 8 * 500_000 / UP_BPS)):
        made.observe(event, 0.0)
    made.observe(DownlinkMeasured(DOWN_BYTES, 0.08), 0.0)
    return made


@pytest.fixture
def flow(watched):
    made = Flow(watched, silence_s=SILENCE_S, heartbeat_s=0.5)
    made.opened(0.0)
    watched.seen.clear()
    return made


@pytest.fixture
def plan(watched):
    made = watched.plan(0.0)
    assert made.partition.cut == ("image",)
    return made


def send(flow, plan, frame_id, now_s):
    return flow.handed_over(frame_id, UP_BYTES, plan, encode_s=0.0, now_s=now_s)


def served(server_s=SERVER_S):
    return ServerTimes(server_s, 0.0, 0.0, server_s, 1.0)


def rates_bps(samples):
    return [8 * sample.bytes / sample.seconds for sample in samples]


class TestUpAndDown:
    @pytest.mark.parametrize("down_bps", [1e6, 8e6, 500e6])
    def test_each_is_measured_by_itself(self, flow, watched, plan, down_bps):
        send(flow, plan, 0, 1.0)
        announced_s = 1.0 + UP_S + RTT_S + SERVER_S
        flow.announced(0, DOWN_BYTES, SERVER_S, announced_s)
        answered_s = announced_s + 8 * DOWN_BYTES / down_bps
        answered = flow.answered(0, served(), answered_s, DOWN_BYTES)
        assert rates_bps(watched.of(UplinkMeasured)) == [pytest.approx(UP_BPS)]
        assert rates_bps(watched.of(DownlinkMeasured)) == [pytest.approx(down_bps)]
        times = answered.times
        assert times.transfer_s == pytest.approx(UP_S + 8 * DOWN_BYTES / down_bps)
        assert (times.round_trip_s, times.link_wait_s) == (pytest.approx(RTT_S), pytest.approx(0.0))

    def test_what_waits_behind_another_answer_says_nothing_of_its_upload(self, flow, watched, plan):
        """Two frames at once; the second answer's announcement comes when the first has come down."""
        download_s = 1.0
        for frame_id in range(2):
            send(flow, plan, frame_id, 1.0)
        first_s = 1.0 + UP_S + RTT_S + SERVER_S
        second_s = first_s + download_s
        flow.announced(0, DOWN_BYTES, SERVER_S, first_s)
        flow.answered(0, served(), second_s, DOWN_BYTES)
        flow.announced(1, DOWN_BYTES, SERVER_S, second_s + 0.001)
        answered = flow.answered(1, served(), second_s + 0.001 + download_s, DOWN_BYTES)
        assert rates_bps(watched.of(UplinkMeasured)) == [pytest.approx(UP_BPS)], "of the first alone"
        assert rates_bps(watched.of(DownlinkMeasured)) == [pytest.approx(8e6)] * 2
        assert answered.times.transfer_s == pytest.approx(download_s + 8 * UP_BYTES / plan.uplink_bps)
        elapsed_s = second_s + 0.001 + download_s - 1.0
        parts = answered.times
        whole_s = parts.link_wait_s + parts.transfer_s + parts.round_trip_s + parts.tail_s
        assert whole_s == pytest.approx(elapsed_s)

    def test_without_an_expected_upload_nothing_of_it_is_called_waiting(self, flow, watched, plan):
        for frame_id in range(2):
            send(flow, replace(plan, uplink_bps=None), frame_id, 1.0)
            flow.announced(frame_id, DOWN_BYTES, SERVER_S, 1.5 + frame_id)
            answered = flow.answered(frame_id, served(), 2.5 + frame_id, DOWN_BYTES)
        assert answered.times.transfer_s > 1.0 + UP_S
        assert len(watched.of(UplinkMeasured)) == 1

    def test_a_cloud_that_announces_nothing_leaves_the_uplink_alone(self, flow, watched, plan):
        """The upload is expected as the plan expects it; the rest is the download."""
        send(flow, plan, 0, 1.0)
        flow.answered(0, served(), 1.0 + UP_S + RTT_S + SERVER_S + 0.5, DOWN_BYTES)
        assert watched.of(UplinkMeasured) == []
        assert rates_bps(watched.of(DownlinkMeasured)) == [pytest.approx(16e6, rel=0.02)]

    def test_a_small_answer_is_timed_with_its_upload(self, flow, watched, plan):
        send(flow, plan, 0, 1.0)
        flow.answered(0, served(), 1.0 + UP_S + RTT_S + SERVER_S, 4_000)
        assert rates_bps(watched.of(UplinkMeasured)) == [pytest.approx(UP_BPS)]
        assert watched.of(DownlinkMeasured) == []

    def test_an_announcement_for_a_frame_that_is_gone_changes_nothing(self, flow, watched):
        flow.announced(9, DOWN_BYTES, SERVER_S, 1.0)
        assert watched.seen == []
        assert flow.heard(3.0), "nothing is arriving, so silence is a stall"


class TestWhileAnAnswerArrives:
    def test_silence_is_no_loss_and_no_stall(self, flow, watched, plan):
        send(flow, plan, 0, 0.5)
        flow.heard(0.6)
        flow.announced(0, DOWN_BYTES, SERVER_S, 0.6)
        assert flow.duty(0.6 + 3 * SILENCE_S) is Duty.NOTHING
        assert not flow.heard(0.6 + 3 * SILENCE_S)
        assert watched.of(HeartbeatsResumed) == []
        flow.answered(0, served(), 0.6 + 3 * SILENCE_S, DOWN_BYTES)
        assert flow.duty(0.6 + 5 * SILENCE_S) is Duty.GIVE_UP

    def test_no_upload_is_late_behind_it(self, flow, watched, plan):
        for frame_id in range(2):
            send(flow, plan, frame_id, 1.0)
        flow.announced(0, DOWN_BYTES, SERVER_S, 1.2)
        flow.look_for_late_uploads(9.0)
        assert watched.of(UploadLate) == []

    def test_a_deadline_bounds_the_downlink_and_gives_heartbeats_time(self, flow, watched, plan):
        for frame_id in range(2):
            send(flow, plan, frame_id, 1.0)
        flow.announced(0, DOWN_BYTES, SERVER_S, 1.2)
        order = flow.deadline_passed(1, 9.2)
        assert order.frame_ids == (0, 1)
        assert watched.of(UploadStalled, AnswerMissed) == []
        assert watched.of(DownloadStalled) == [DownloadStalled(DOWN_BYTES, pytest.approx(8.0))]
        assert flow.duty(9.2 + 0.9 * SILENCE_S) is Duty.MEASURE
        assert flow.duty(9.2 + 1.1 * SILENCE_S) is Duty.GIVE_UP

    def test_a_refusal_ends_it(self, flow, plan):
        send(flow, plan, 0, 1.0)
        flow.announced(0, DOWN_BYTES, SERVER_S, 1.2)
        flow.refused(0, "the answer is wrong", None, 1.3)
        assert flow.duty(1.3 + 2 * SILENCE_S) is Duty.GIVE_UP


class TestAnUploadBeforeItsAnnouncement:
    """An answer that comes late because its download is slow must not look like a late upload."""

    @pytest.mark.parametrize(("announces", "late"), [(True, 1), (False, 0)])
    def test_is_late_at_once_only_where_announcements_come(self, flow, watched, plan, announces, late):
        slow = replace(plan, answer_s=1.0)
        if announces:
            flow.announced(99, DOWN_BYTES, 0.0, 0.5)
        send(flow, slow, 0, 1.0)
        flow.look_for_late_uploads(1.0 + 0.8)
        assert len(watched.of(UploadLate)) == late


class TestProbesOfTheDownlink:
    def test_are_sent_at_once_and_again_when_the_estimate_is_old(self):
        made = controller()
        first = made.down_probe_due(0.0)
        assert first is not None
        assert made.down_probe_due(0.01) is None
        for now_s in (0.1, 0.2):
            made.observe(DownlinkMeasured(first, 8 * first / 8e6, by_receiver=True), now_s)
        assert made.down_probe_due(0.9) is None
        assert made.down_probe_due(4.0) == pytest.approx(5 * 8e6 * RTT_S / 8), "large enough for slow start"

    def test_are_none_where_answers_are_small_or_nothing_depends_on_them(self):
        small = replace(GRAPH, layers=(*GRAPH.layers[:3], replace(GRAPH.layers[3], output_bytes=4_000)))
        assert controller(graph=small).down_probe_due(0.0) is None
        assert Controller(GRAPH, EDGE_S).down_probe_due(0.0) is None, "there is no cloud yet"

    def test_a_reading_is_judged_as_one_of_the_uplink_and_goes_down(self, flow, watched):
        probe = flow.probe_begun(64_000, 1.0, down=True)
        assert not probe.window_is_open
        flow.probe_read(probe, 32_000, 0.032, 1.1)
        assert watched.of(DownlinkMeasured) == [DownlinkMeasured(32_000, 0.032, by_receiver=True)]
        stalled = replace(probe, window_is_open=True)
        flow.probe_read(stalled, 32_000, 0.032, 3.0)
        assert watched.of(DownlinkAtLeast) == [DownlinkAtLeast(64_000, pytest.approx(2.0 - RTT_S))]
        flow.probe_timed_out(probe, 5.0, 9.0)
        assert watched.of(DownloadStalled) == [DownloadStalled(64_000, 5.0)]
        assert watched.of(UplinkMeasured, UploadStalled) == []

    def test_wait_while_the_socket_is_clogged(self, flow):
        flow.stream_renewed()
        assert flow.down_probe_due(1.0) is None
        flow.pinged(RTT_S, 1.1)
        assert flow.down_probe_due(1.2) is not None


class TestDecisions:
    @pytest.mark.parametrize("down_bps", [1e6, 8e6, 20e6, 100e6, 1e9])
    def test_are_right_for_the_downlink_that_was_measured(self, down_bps):
        found = controller(down_bps).plan(1.0).partition
        link = Link(UP_BPS, down_bps, RTT_S)
        best = dsl(GRAPH, CostProfile(EDGE_S, CLOUD_S), link)
        assert (found.edge, found.transfer_s) == (best.edge, pytest.approx(best.transfer_s))
        assert (found.edge == ALL) == (down_bps < 15e6)

    def test_an_unknown_downlink_is_as_fast_as_the_uplink(self):
        unknown, same = controller(), controller(UP_BPS)
        assert unknown.plan(1.0).partition == same.plan(1.0).partition
        assert (unknown.plan(1.0).downlink_bps, unknown.state(1.0).downlink_bps) == (None, None)
        assert same.plan(1.0).downlink_bps == pytest.approx(UP_BPS)

    def test_an_answer_of_minutes_is_not_asked_for_before_the_downlink_is_known(self):
        huge = replace(GRAPH, layers=(*GRAPH.layers[:3], replace(GRAPH.layers[3], output_bytes=44_000_000)))
        assert controller(graph=huge).plan(1.0).partition.edge == ALL

    def test_a_measured_change_of_the_downlink_is_followed(self):
        made = controller(100e6)
        assert made.plan(1.0).partition.edge != ALL
        for now_s in (2.0, 2.1):
            made.observe(DownlinkMeasured(DOWN_BYTES, 8 * DOWN_BYTES / 2e6), now_s)
        assert made.plan(3.0).partition.edge == ALL
        for now_s in (4.0, 4.1):
            made.observe(DownlinkMeasured(DOWN_BYTES, 8 * DOWN_BYTES / 200e6), now_s)
        assert made.plan(5.0).partition.edge != ALL

    def test_a_stalled_download_is_a_failure_and_slows_the_estimate_at_once(self):
        made = controller(100e6)
        made.observe(DownloadStalled(DOWN_BYTES, 4.0), 2.0)
        assert made.state(2.0).downlink_bps == pytest.approx(2e6)
        assert made.state(2.0).uplink_bps == pytest.approx(UP_BPS)
        assert made.plan(2.1).partition.edge == ALL
        for now_s in (2.2, 2.3):
            made.observe(DownloadStalled(DOWN_BYTES, 4.0), now_s)
        assert made.plan(2.4).phase is Phase.ALONE
        assert made.state(2.4).downlink_bps is None, "after an outage the old rate may be wrong"

    def test_the_answer_is_part_of_the_transfer_and_of_the_deadline(self):
        quick, slow = controller(1e9).plan(1.0), controller(40e6).plan(1.0)
        assert quick.partition.edge == slow.partition.edge
        assert slow.answer_s == pytest.approx(0.2)
        assert slow.partition.transfer_s - slow.answer_s == pytest.approx(UP_S, rel=0.01)
        assert slow.deadline_s - quick.deadline_s == pytest.approx(slow.answer_s - quick.answer_s)

    def test_neurosurgeons_cut_counts_the_way_down(self):
        slow = controller(1e6, policy=Chain()).plan(1.0).partition
        assert slow.edge == ALL
        assert controller(1e9, policy=Chain()).plan(1.0).partition.edge != ALL


class TestSlowStart:
    """It is a cost of the upload alone: what comes down neither lengthens nor shortens it."""

    SPLITS = splits_of(GRAPH, CostProfile(EDGE_S, CLOUD_S))
    EDGE = frozenset({"image"})

    def priced(self, down_bps: float):
        given = Conditions(Phase.OFFLOADING, 100e6, RTT_S, 1.0, 1.0, 0.5, mode=Mode.LIGHT)
        given = replace(given, slow_start=SlowStart(100e6, 0.05), downlink_bps=down_bps)
        return price(self.EDGE, self.SPLITS, given), given

    def test_it_costs_as_much_whatever_comes_down(self):
        slow, _ = self.priced(8e6)
        open_s = self.SPLITS.evaluate(self.EDGE, Link(100e6)).transfer_s
        lost_s = SlowStart(100e6, 0.05).lost_s(UP_BYTES)
        assert lost_s > 0.09
        assert slow.transfer_s == pytest.approx(open_s + lost_s + 8 * DOWN_BYTES / 8e6)

    def test_the_mean_rate_is_of_the_upload_and_the_downlink_stays(self):
        slow, given = self.priced(8e6)
        link = link_for(slow, self.SPLITS, given)
        other, given = self.priced(math.inf)
        assert link == replace(link_for(other, self.SPLITS, given), downlink_bps=8e6)
        assert link.uplink_bps < 0.2 * 100e6
