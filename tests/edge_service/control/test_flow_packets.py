"""Frames that go as packets: what is measured of them, how long they are waited for, and what a refusal means."""

import pytest

from edge_service.control import (
    AnswerMissed,
    BreakerState,
    CloudBusy,
    Controller,
    CutEncoded,
    FinishHere,
    Flow,
    HeadMeasured,
    PacketCosts,
    PacketsRefusal,
    PacketsRefused,
    PacketsSeen,
    PacketsSent,
    PictureDecoded,
    PicturesDecodedThere,
    ServerTimes,
    SplitImpossible,
    TailMeasured,
    UplinkMeasured,
    UploadLate,
    UploadStalled,
)
from partitioner import Layer, LayerGraph

GRAPH = LayerGraph(
    (Layer("image", (), 150_000), Layer("conv", ("image",), 60_000), Layer("fc", ("conv",), 4_000)), ("fc",)
)
EDGE_S = (0.0, 0.4, 0.1)
CLOUD_S = (0.0, 0.02, 0.005)
RTT_S = 0.02
PACKETS = PacketCosts("image", 10_000.0, 0.03)
BPS = 1e6


class Heard(Controller):
    """A controller that keeps what it was told."""

    def __init__(self, packets):
        self.heard = []
        super().__init__(GRAPH, EDGE_S, rate_hz=5.0, packets=packets)

    def observe(self, event, now_s):
        self.heard.append(event)
        super().observe(event, now_s)

    def of(self, *kinds):
        return [event for event in self.heard if isinstance(event, kinds)]


@pytest.fixture
def controller():
    return Heard(PACKETS)


@pytest.fixture
def flow(controller):
    """Offloads on a link of 1 Mbit/s."""
    made = Flow(controller, silence_s=30.0, heartbeat_s=30.0)
    made.profiled(CLOUD_S, {}, 1.0, 0.0, takes_packets=True)
    made.opened(0.0)
    made.pinged(RTT_S, 0.0)
    for _ in range(3):
        controller.observe(UplinkMeasured(125_000, 125_000 * 8 / BPS), 0.0)
    controller.heard.clear()
    return made


def plan(controller, now_s=0.0):
    made = controller.plan(now_s, packets_ready=True)
    assert made.packets
    return made


def served(decode_s=0.0, compute_s=0.0):
    return ServerTimes(decode_s + compute_s, 0.0, decode_s, compute_s, 1.0)


class TestMeasurements:
    def test_packets_that_are_sent_are_no_encoded_cut(self, flow, controller):
        flow.cut_encoded(plan(controller), 12_000, 1.0)
        flow.packets_seen(9_000, 1.1)
        assert controller.of(CutEncoded) == []
        assert controller.of(PacketsSent, PacketsSeen) == [PacketsSent(12_000), PacketsSeen(9_000)]

    def test_a_head_and_what_was_decoded_in_it_or_elsewhere(self, flow, controller):
        other = controller.plan(0.0)
        assert other.partition.edge == {"image", "conv"}
        flow.head_ran(other, 0.59, 1.0, decoded_s=0.09)
        assert controller.heard == [PictureDecoded(0.09), HeadMeasured(pytest.approx(0.4), pytest.approx(0.5))]
        flow.picture_decoded(0.04, 1.1)
        assert controller.heard[-1] == PictureDecoded(0.04)

    def test_what_the_cloud_decoded_is_told_apart_from_its_tail(self, flow, controller):
        flow.handed_over(0, 10_000, plan(controller), encode_s=0.0, now_s=1.0)
        flow.answered(0, served(decode_s=0.2, compute_s=0.05), 1.4)
        assert controller.of(PicturesDecodedThere) == [PicturesDecodedThere(0.2)]
        assert controller.of(TailMeasured) == [TailMeasured(pytest.approx(sum(CLOUD_S)), 0.05)]

    def test_an_upload_is_measured_by_its_real_bytes(self, flow, controller):
        flow.handed_over(0, 100_000, plan(controller), encode_s=0.0, now_s=1.0)
        flow.answered(0, served(), 1.0 + 0.8 + RTT_S)
        (sample,) = controller.of(UplinkMeasured)
        assert (sample.bytes, sample.seconds) == (100_000, pytest.approx(0.8))
        assert controller.state(2.0).uplink_bps == pytest.approx(BPS, rel=0.01)


class TestKeyframes:
    def test_are_waited_for_as_long_as_their_bytes_take(self, flow, controller):
        made = plan(controller)
        usual = flow.handed_over(0, 10_000, made, encode_s=0.0, now_s=1.0)
        assert usual.timeout_s == made.deadline_s
        flow.answered(0, served(), 1.1)
        key = flow.handed_over(1, 135_000, made, encode_s=0.0, now_s=2.0)
        assert key.timeout_s == pytest.approx(made.deadline_s + 1.0)

    def test_frames_behind_one_wait_for_it_too(self, flow, controller):
        made = plan(controller)
        flow.handed_over(0, 135_000, made, encode_s=0.0, now_s=1.0)
        behind = flow.handed_over(1, 10_000, made, encode_s=0.0, now_s=1.2)
        assert behind.timeout_s == pytest.approx(made.deadline_s + made.partition.bottleneck_s + 1.0)
        flow.answered(0, served(), 2.2)
        later = flow.handed_over(2, 10_000, made, encode_s=0.0, now_s=2.25)
        assert later.timeout_s == pytest.approx(made.deadline_s + made.partition.bottleneck_s)

    def test_are_not_late(self, flow, controller):
        flow.handed_over(0, 135_000, plan(controller), encode_s=0.0, now_s=1.0)
        for i in range(20):
            flow.look_for_late_uploads(1.0 + i / 20)
        assert controller.state(2.0).uplink_bps == pytest.approx(BPS, rel=0.01)
        assert all(8 * late.bytes / late.seconds > BPS for late in controller.of(UploadLate))

    def test_no_frame_is_given_up_on_a_link_that_keeps_the_rate(self, flow, controller):
        """Five frames a second, a keyframe of a second's upload every four; the link is three quarters busy."""
        link_free_s, due = 0.0, []
        for i in range(100):
            now_s = 1.0 + i / 5
            for answer_s, frame_id, timeout_s in [each for each in due if each[0] <= now_s]:
                assert answer_s <= timeout_s
                flow.answered(frame_id, served(0.003, 0.025), answer_s)
                due.remove((answer_s, frame_id, timeout_s))
            made = controller.plan(now_s, packets_ready=True)
            size = 125_000 if i % 20 == 0 else 12_000
            flow.cut_encoded(made, size, now_s)
            sent = flow.handed_over(i, size, made, encode_s=0.0, now_s=now_s)
            assert made.packets
            link_free_s = max(link_free_s, now_s) + 8 * size / BPS
            due.append((link_free_s + RTT_S + 0.028, i, now_s + sent.timeout_s))
        assert controller.of(UploadStalled, AnswerMissed) == []

    def test_other_cuts_are_waited_for_as_planned(self, flow, controller):
        made = controller.plan(0.0)
        assert flow.handed_over(0, 10**9, made, encode_s=0.0, now_s=1.0).timeout_s == made.deadline_s


class TestRefusals:
    @pytest.mark.parametrize(
        ("refusal", "told"),
        [
            (PacketsRefusal.FRAME, []),
            (PacketsRefusal.CLOUD, [PacketsRefused("no", for_ever=False)]),
            (PacketsRefusal.RUN, [PacketsRefused("no", for_ever=True)]),
        ],
    )
    def test_finish_the_frame_here_and_are_no_failure(self, flow, controller, refusal, told):
        for frame_id in range(5):
            if controller.packets_usable:
                flow.handed_over(frame_id, 10_000, plan(controller), encode_s=0.0, now_s=1.0)
                assert flow.refused(frame_id, "no", 2.0, 1.1, packets=refusal) == FinishHere((frame_id,), "no")
        assert controller.of(PacketsRefused) == told
        assert controller.of(AnswerMissed, CloudBusy, SplitImpossible) == []
        assert controller.state(1.1).breaker is BreakerState.CLOSED
        assert controller.plan(1.1, packets_ready=True).packets == (refusal is PacketsRefusal.FRAME)

    def test_of_every_frame_of_this_split_end_packets_and_not_the_frame(self, flow, controller):
        flow.handed_over(0, 10_000, plan(controller), encode_s=0.0, now_s=1.0)
        flow.refused(0, "too large", None, 1.1, always=True)
        assert controller.of(SplitImpossible) == [SplitImpossible(frozenset({"image"}), packets=True)]
        assert not controller.packets_usable

    def test_of_a_connection_end_packets_if_they_were_the_largest(self, flow, controller):
        flow.handed_over(0, 900_000, plan(controller), encode_s=0.0, now_s=1.0)
        flow.largest_refused(1.1)
        assert controller.of(SplitImpossible) == [SplitImpossible(frozenset({"image"}), packets=True)]
