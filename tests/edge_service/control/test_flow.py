"""Frames and connection without I/O: events and their times in, orders and judged measurements out. Nothing sleeps."""

from dataclasses import astuple, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_service.control import (
    AnswerMissed,
    CloudAnswered,
    CloudBusy,
    CloudLoadReported,
    CloudLost,
    CloudProfiled,
    ConnectionReplaced,
    Controller,
    CutEncoded,
    Duty,
    FinishHere,
    Flow,
    HeadMeasured,
    HeartbeatsResumed,
    OverheadMeasured,
    Phase,
    ReplicaAnswers,
    RoundTripMeasured,
    ServerTimes,
    SplitImpossible,
    TailMeasured,
    UplinkAtLeast,
    UplinkMeasured,
    UploadLate,
    UploadStalled,
)
from partitioner import Layer, LayerGraph

GRAPH = LayerGraph(
    (
        Layer("image", (), 150_000),
        Layer("conv", ("image",), 60_000),
        Layer("pool", ("conv",), 20_000),
        Layer("fc", ("pool",), 4_000),
    ),
    ("fc",),
)
EDGE_S = (0.0, 0.3, 0.1, 0.1)
CLOUD_S = (0.0, 0.015, 0.005, 0.005)
HEARTBEAT_S = 0.5
SILENCE_S = 1.8
RTT_S = 0.02
TICK_S = 0.01


def offloading_plan(**fields):
    """A plan that sends the image."""
    controller = Controller(GRAPH, EDGE_S, rate_hz=1.0)
    for event in (CloudProfiled(CLOUD_S), RoundTripMeasured(RTT_S), UplinkMeasured(250_000, 0.1)):
        controller.observe(event, 0.0)
    plan = controller.plan(0.0)
    assert plan.partition.cut == ("image",)
    return replace(plan, **fields)


PLAN = offloading_plan()


def served(server_s=0.0, queue_s=0.0, decode_s=0.0, compute_s=0.0, load_factor=1.0):
    return ServerTimes(server_s, queue_s, decode_s, compute_s, load_factor)


class Heard:
    """In the controller's place: keeps what it is told, and wants what a test wants."""

    def __init__(self):
        self.heard = []
        self.rtt_s = 0.0
        self.window_is_small = False
        self.wants_ping = self.wants_reconnect = self.wants_profile = False
        self.probe_bytes = self.down_probe_bytes = None

    def observe(self, event, now_s):
        self.heard.append((event, now_s))

    def slow_starts(self, now_s):
        return self.window_is_small

    def ping_due(self, now_s):
        return self.wants_ping

    def profile_due(self, now_s):
        return self.wants_profile

    def downlink_slow_starts(self, now_s):
        return self.window_is_small

    def down_probe_due(self, now_s):
        return self.down_probe_bytes

    def probe_due(self, now_s):
        return self.probe_bytes

    def reconnect_due(self, now_s):
        return self.wants_reconnect

    def of(self, kind):
        return [event for event, _ in self.heard if isinstance(event, kind)]


@pytest.fixture
def heard():
    return Heard()


@pytest.fixture
def flow(heard):
    """A flow whose connection is open since second 0."""
    made = Flow(heard, silence_s=SILENCE_S, heartbeat_s=HEARTBEAT_S)
    made.profiled(CLOUD_S, {}, 1.0, 0.0)
    made.opened(0.0)
    heard.heard.clear()
    return made


def hand_over(flow, frame_id, now_s, size=250_000, plan=PLAN, encode_s=0.0):
    return flow.handed_over(frame_id, size, plan, encode_s=encode_s, now_s=now_s)


class TestAFrame:
    def test_frames_ahead_extend_its_time(self, flow):
        first, second = (hand_over(flow, frame_id, 1.0) for frame_id in range(2))
        assert first.timeout_s == PLAN.deadline_s
        assert second.timeout_s == pytest.approx(PLAN.deadline_s + PLAN.partition.bottleneck_s)

    def test_an_answer_is_told_in_order_and_its_stages_add_up(self, flow, heard):
        heard.rtt_s = 0.05
        flow.cut_encoded(PLAN, 149_000, 0.9)
        flow.head_ran(offloading_plan(partition=replace(PLAN.partition, edge_s=0.3)), 0.31, 0.9)
        hand_over(flow, 7, 1.0, encode_s=0.004)
        answered = flow.answered(7, served(0.05, 0.01, 0.002, 0.03, load_factor=2.0), 1.2)
        times = flow.outputs_read(answered, 1.203)
        assert [type(event) for event, _ in heard.heard] == [
            CutEncoded,
            HeadMeasured,
            UplinkMeasured,
            CloudAnswered,
            CloudLoadReported,
            TailMeasured,
            OverheadMeasured,
        ]
        assert heard.of(UplinkMeasured) == [UplinkMeasured(250_000, pytest.approx(0.1), after_idle=True)]
        assert heard.of(TailMeasured) == [TailMeasured(PLAN.base_cloud_s, pytest.approx(0.032), queue_s=0.01)]
        assert heard.of(CloudLoadReported) == [CloudLoadReported(2.0)]
        assert heard.of(OverheadMeasured) == [OverheadMeasured(pytest.approx(0.008 + 0.003 + 0.004))]
        assert sum(astuple(times)) == pytest.approx(0.203)
        assert min(astuple(times)) >= 0.0

    def test_answers_out_of_order_give_exact_rates_in_the_order_of_sending(self, flow, heard):
        heard.rtt_s = RTT_S
        sizes = {0: 100_000, 1: 250_000, 2: 50_000}
        ends_s = {0: 0.04, 1: 0.14, 2: 0.16}  # of the uploads, one after the other at 20 Mbit/s
        server_s = {0: 0.5, 1: 0.2, 2: 0.0}
        for frame_id, size in sizes.items():
            hand_over(flow, frame_id, 0.0, size)
        told = []
        for frame_id in (2, 1, 0):
            now_s = ends_s[frame_id] + RTT_S + server_s[frame_id]
            assert flow.answered(frame_id, served(server_s[frame_id]), now_s) is not None
            told.append(len(heard.of(UplinkMeasured)))
        assert told == [0, 0, 3], "when an upload began is known when those before it have ended"
        assert [sample.bytes for sample in heard.of(UplinkMeasured)] == list(sizes.values())
        for sample in heard.of(UplinkMeasured):
            assert 8 * sample.bytes / sample.seconds == pytest.approx(20e6)
        assert flow.in_flight == 0

    @pytest.mark.parametrize(("retry_after_s", "told"), [(2.5, CloudBusy(2.5)), (None, AnswerMissed())])
    def test_a_refused_frame_alone_is_finished_here(self, flow, heard, retry_after_s, told):
        for frame_id in range(2):
            hand_over(flow, frame_id, 1.0)
        assert flow.refused(0, "overloaded", retry_after_s, 1.1) == FinishHere((0,), "overloaded")
        assert [event for event, _ in heard.heard] == [told]
        assert flow.refused(0, "overloaded", retry_after_s, 1.2) is None
        assert flow.in_flight == 1

    def test_a_split_that_can_never_be_answered_is_told_and_no_failure(self, flow, heard):
        hand_over(flow, 0, 1.0)
        assert flow.refused(0, "too large", None, 1.1, always=True) == FinishHere((0,), "too large")
        assert [event for event, _ in heard.heard] == [SplitImpossible(PLAN.partition.edge)]

    def test_where_the_largest_message_ends_the_connection_its_split_is_told(self, flow, heard):
        flow.largest_refused(1.0)
        assert heard.heard == [], "nothing is in flight"
        narrow = replace(PLAN, partition=replace(PLAN.partition, edge=frozenset({"narrow"})))
        flow.handed_over(0, 500, narrow, encode_s=0.0, now_s=1.0)
        flow.handed_over(1, 900, PLAN, encode_s=0.0, now_s=1.0)
        flow.largest_refused(1.1)
        assert [event for event, _ in heard.heard] == [SplitImpossible(PLAN.partition.edge)]

    def test_what_the_transport_does_not_take_gives_no_sample_and_holds_up_none(self, flow, heard):
        for frame_id, now_s in enumerate((1.0, 1.1, 1.2)):
            hand_over(flow, frame_id, now_s)
        assert flow.not_sent(0, "broken pipe", 1.2) == FinishHere((0,), "broken pipe")
        assert flow.not_sent(0, "broken pipe", 1.2) is None
        flow.answered(1, served(), 1.3)
        assert not heard.of(UplinkMeasured), "when its upload began is not known"
        flow.answered(2, served(), 1.4)
        assert heard.of(UplinkMeasured) == [UplinkMeasured(250_000, pytest.approx(0.1))]

    def test_after_a_deadline_nothing_in_flight_is_waited_for(self, flow, heard):
        heard.probe_bytes = 1000
        for frame_id in range(3):
            hand_over(flow, frame_id, 1.0)
        order = flow.deadline_passed(1, 3.0)
        assert order == FinishHere((0, 1, 2), "no answer within 2.00 s", renew=True)
        assert [type(event) for event, _ in heard.heard] == [UploadStalled]
        flow.stream_renewed()
        heard.heard.clear()
        for frame_id in range(3):
            assert flow.answered(frame_id, served(), 3.1) is None
            assert flow.deadline_passed(frame_id, 3.1) is None
        assert heard.heard == []
        assert flow.probe_due(3.2) is None, "the socket may hold what the old stream left"
        assert flow.ping_due(3.2)
        flow.pinged(0.4, 3.6)
        assert flow.probe_due(3.7) == 1000
        assert not flow.ping_due(3.7)

    def test_a_late_upload_is_told_while_it_lasts(self, flow, heard):
        flow.look_for_late_uploads(0.5)
        assert heard.heard == []
        hand_over(flow, 0, 1.0)
        for now_s in (2.0, 3.0):
            flow.look_for_late_uploads(now_s)
        cloud_s = PLAN.partition.cloud_s
        assert heard.of(UploadLate) == [
            UploadLate(250_000, pytest.approx(1.0 - cloud_s)),
            UploadLate(250_000, pytest.approx(2.0 - cloud_s)),
        ]


class TestTheConnection:
    def test_it_is_made_when_the_controller_wants_it_and_given_up_after_silence(self, heard):
        flow = Flow(heard, silence_s=SILENCE_S, heartbeat_s=HEARTBEAT_S)
        assert flow.duty(0.0) is Duty.NOTHING
        heard.wants_reconnect = True
        assert flow.duty(0.1) is Duty.CONNECT
        flow.profiled(CLOUD_S, {"zstd": CLOUD_S}, 1.5, 0.2)
        flow.opened(0.2)
        assert [event for event, _ in heard.heard] == [
            CloudProfiled(CLOUD_S, {"zstd": CLOUD_S}),
            CloudLoadReported(1.5),
            CloudAnswered(),
        ]
        assert flow.duty(0.2) is Duty.MEASURE
        hand_over(flow, 4, 0.3)
        assert flow.duty(0.4) is Duty.NOTHING, "measurements would measure the frame"
        assert flow.duty(0.2 + SILENCE_S) is Duty.NOTHING
        assert flow.duty(0.21 + SILENCE_S) is Duty.GIVE_UP
        assert flow.connection_lost("silence", None, 2.1) == FinishHere((4,), "silence")
        assert heard.heard[-1] == (CloudLost("silence", None), 2.1)
        flow.heartbeat(1.0, 2.2)
        assert not flow.heard(2.2)
        assert heard.heard[-1] == (CloudLost("silence", None), 2.1), "a stream that is lost gives no sign of life"
        assert flow.duty(2.2) is Duty.CONNECT

    def test_a_loss_says_when_to_come_back(self, flow, heard):
        flow.connection_lost("draining", 30.0, 1.0)
        assert heard.of(CloudLost) == [CloudLost("draining", 30.0)]

    def test_a_pause_of_heartbeats_voids_what_was_measured_in_it(self, flow, heard):
        heard.probe_bytes = 1000
        for now_s in (0.5, 1.0):
            assert not flow.heard(now_s)
            flow.heartbeat(1.25, now_s)
        assert heard.of(CloudLoadReported) == [CloudLoadReported(1.25)] * 2
        hand_over(flow, 0, 1.1)
        assert flow.heard(2.5)
        assert heard.of(HeartbeatsResumed) == [HeartbeatsResumed()]
        assert flow.probe_due(2.5) is None
        flow.answered(0, served(), 2.6)
        assert not heard.of(UplinkMeasured)
        flow.pinged(0.02, 2.7)
        assert flow.probe_due(2.8) == 1000
        assert not flow.heard(2.9)


class TestReplicas:
    def test_rare_heartbeats_are_no_pause_and_silence_is_longer_while_idle(self, heard):
        flow = Flow(heard, silence_s=SILENCE_S, heartbeat_s=HEARTBEAT_S, longest_beat_s=5.0)
        flow.opened(0.0)
        for pulse in (True, False):
            flow.heartbeat(1.0, 0.1, next_s=5.0, pulse=pulse)
        assert not flow.heard(0.1)
        assert not flow.heard(5.0)
        assert not heard.of(HeartbeatsResumed)
        assert flow.duty(5.0 + 6.2) is not Duty.GIVE_UP
        assert flow.duty(5.0 + 6.4) is Duty.GIVE_UP

    def test_a_cloud_that_went_while_idle_is_noticed_when_it_should_know_of_a_frame(self, heard):
        heard.rtt_s = RTT_S
        flow = Flow(heard, silence_s=SILENCE_S, heartbeat_s=HEARTBEAT_S, longest_beat_s=5.0)
        flow.opened(0.0)
        flow.heartbeat(1.0, 0.0, next_s=5.0, pulse=True)
        flow.heartbeat(1.0, 0.0, next_s=5.0)
        sent = hand_over(flow, 0, 3.0)
        known_s = 3.0 + sent.upload_s + RTT_S
        assert flow.duty(known_s + SILENCE_S - 0.01) is Duty.NOTHING
        assert flow.duty(known_s + SILENCE_S + 0.01) is Duty.GIVE_UP
        flow.deadline_passed(0, 5.0)
        flow.stream_renewed()
        hand_over(flow, 1, 5.0)
        assert flow.duty(6.2) is Duty.NOTHING, "it waits behind what the old stream left, so nobody knows of it"
        assert flow.duty(6.4) is Duty.GIVE_UP

    def test_what_each_replica_reports_is_told_with_its_name(self, flow, heard):
        flow.answers_from("A", 1.0)
        flow.answers_from("A", 1.1)
        flow.heartbeat(2.0, 1.1, replica="B", pulse=True)
        hand_over(flow, 0, 1.2)
        answered = flow.answered(0, replace(served(0.05, compute_s=0.03), replica="A"), 1.5)
        flow.outputs_read(answered, 1.5)
        assert heard.of(ReplicaAnswers) == [ReplicaAnswers("A")]
        assert heard.of(CloudLoadReported) == [CloudLoadReported(2.0, "B"), CloudLoadReported(1.0, "A")]
        assert [event.replica for event in (*heard.of(TailMeasured), *heard.of(OverheadMeasured))] == ["A", "A"]

    def test_one_more_profile_is_no_new_connection(self, flow, heard):
        flow.profiled(CLOUD_S, {}, 1.0, 1.0, replica="B", again=True)
        assert heard.of(CloudProfiled) == [CloudProfiled(CLOUD_S, {}, replica="B", again=True)]
        assert not heard.of(CloudAnswered)
        flow.answers_from("B", 1.0)
        assert heard.of(ReplicaAnswers), "the question did not say who answers frames"

    def test_a_profile_that_comes_after_a_loss_does_not_end_the_attempts(self):
        flow = Flow(Controller(GRAPH, EDGE_S), silence_s=SILENCE_S, heartbeat_s=HEARTBEAT_S)
        flow.profiled(CLOUD_S, {}, 1.0, 0.0)
        flow.opened(0.0)
        flow.connection_lost("gone", None, 1.0)
        flow.profiled(CLOUD_S, {}, 1.0, 3.0, replica="B", again=True)
        assert flow.duty(3.1) is Duty.CONNECT

    def test_an_answer_that_broke_off_with_its_old_connection_hides_no_silence(self, flow):
        hand_over(flow, 0, 1.0)
        flow.announced(0, 500_000, 0.01, 1.2)
        assert flow.not_sent(0, "the old connection broke", 1.3) is not None
        assert flow.duty(1.3 + 2 * SILENCE_S) is Duty.GIVE_UP

    def test_frames_outlive_a_connection_that_is_replaced_and_measure_nothing(self, flow, heard):
        hand_over(flow, 0, 1.0)
        flow.interrupted()
        flow.replaced(1.1)
        assert heard.of(ConnectionReplaced) == [ConnectionReplaced()]
        assert flow.in_flight == 1
        assert flow.answered(0, served(), 1.4) is not None
        assert not heard.of(UplinkMeasured)
        assert flow.duty(1.0 + SILENCE_S) is Duty.MEASURE


class TestAProbe:
    def test_on_an_open_window_the_whole_call_is_timed_without_its_round_trip(self, flow, heard):
        heard.rtt_s = 0.05
        flow.probe_read(flow.probe_begun(100_000, 1.0), 50_000, 0.05, 1.155)
        assert heard.of(UplinkMeasured) == [UplinkMeasured(100_000, pytest.approx(0.1), after_idle=True)]

    def test_a_receiver_that_stood_still_makes_it_a_bound(self, flow, heard):
        flow.probe_read(flow.probe_begun(100_000, 1.0), 50_000, 0.001, 1.1)
        assert heard.of(UplinkAtLeast) == [UplinkAtLeast(100_000, pytest.approx(0.1))]
        assert not heard.of(UplinkMeasured)

    def test_in_slow_start_the_receiver_times_its_second_half(self, flow, heard):
        heard.window_is_small = True
        probe = flow.probe_begun(100_000, 1.0)
        heard.window_is_small = False  # what counts is how it began
        flow.probe_read(probe, 50_000, 0.04, 1.3)
        assert heard.of(UplinkMeasured) == [UplinkMeasured(50_000, 0.04, by_receiver=True)]

    def test_one_that_is_not_read_is_a_stalled_upload(self, flow, heard):
        flow.probe_timed_out(flow.probe_begun(100_000, 1.0), 5.0, 6.0)
        assert heard.of(UploadStalled) == [UploadStalled(100_000, 5.0)]


class Edge:
    """A flow around a real controller, frames, a link and a cloud as functions of time; one end is kept per frame."""

    def __init__(self, rate_hz=5.0):
        self.controller = Controller(GRAPH, EDGE_S, rate_hz=rate_hz)
        self.flow = Flow(self.controller, silence_s=SILENCE_S, heartbeat_s=HEARTBEAT_S)
        self.period_s = 1 / rate_hz
        self.now_s = 0.0
        self.uplink_bps = 20e6
        self.link_stands_still = False  # in both directions
        self.refuses_for_s = None
        self.ends = {}  # by frame: (outcome, second)
        self.handed_s = []
        self._queue = []  # [call at the end, bytes left, what it is]
        self._later = []  # (second, call)
        self._deadlines = {}
        self._next_frame_s, self._frames, self._beat_s, self._measuring = 0.0, 0, 0.0, None

    def run(self, seconds, **changes):
        for name, value in changes.items():
            setattr(self, name, value)
        until_s = self.now_s + seconds
        while self.now_s < until_s:
            self._tick()
            self.now_s += TICK_S

    @property
    def bps(self):
        return self.controller.state(self.now_s).uplink_bps

    def outcomes(self, from_s=0.0, to_s=float("inf")):
        return [outcome for outcome, end_s in self.ends.values() if from_s <= end_s < to_s]

    def _tick(self):
        due, self._later = [x for x in self._later if x[0] <= self.now_s], [x for x in self._later if x[0] > self.now_s]
        for _, call in sorted(due, key=lambda x: x[0]):
            call()
        if not self.link_stands_still:
            self._upload(self.uplink_bps * TICK_S / 8)
            if self.now_s >= self._beat_s:
                self._beat_s = self.now_s + HEARTBEAT_S
                self._measuring = None if self.flow.heard(self.now_s) else self._measuring
                self.flow.heartbeat(1.0, self.now_s)
        for frame_id in [frame for frame, at_s in self._deadlines.items() if at_s <= self.now_s]:
            if frame_id in self._deadlines:
                self._carry_out(self.flow.deadline_passed(frame_id, self.now_s))
        self.flow.look_for_late_uploads(self.now_s)
        self._look_after_connection()
        if self.now_s >= self._next_frame_s:
            self._next_frame_s += self.period_s
            self._frame(self._frames)
            self._frames += 1

    def _frame(self, frame_id):
        plan = self.controller.plan(self.now_s)
        if not plan.partition.cut:
            self._end(frame_id, "edge_only")
        elif self.flow.in_flight >= plan.in_flight:
            self._end(frame_id, "dropped")
        else:
            size = 150_000
            sent = self.flow.handed_over(frame_id, size, plan, encode_s=0.0, now_s=self.now_s)
            self._deadlines[frame_id] = self.now_s + sent.timeout_s
            self._queue.append([lambda: self._arrived(frame_id), size, "frame"])
            self.handed_s.append(self.now_s)

    def _arrived(self, frame_id):
        def answer():
            if self.refuses_for_s is not None:
                self._carry_out(self.flow.refused(frame_id, "overloaded", self.refuses_for_s, self.now_s))
                return
            answered = self.flow.answered(frame_id, served(0.025, compute_s=0.025), self.now_s)
            if answered is not None:
                self.flow.outputs_read(answered, self.now_s)
                self._end(frame_id, "offloaded")

        self._after(RTT_S + 0.025, answer)

    def _look_after_connection(self):
        duty = self.flow.duty(self.now_s)
        if duty is Duty.GIVE_UP:
            self._queue.clear()
            self._measuring = None
            self._carry_out(self.flow.connection_lost("silence", None, self.now_s))
        elif duty is Duty.CONNECT:
            if self.link_stands_still:
                self._carry_out(self.flow.connection_lost("unreachable", None, self.now_s))
            else:
                self.flow.profiled(CLOUD_S, {}, 1.0, self.now_s)
                self.flow.opened(self.now_s)
        elif duty is Duty.MEASURE and not self._measuring:
            self._measure()

    def _measure(self):
        began_s = self.now_s
        if self.flow.ping_due(began_s):
            self._call(1000, 2.0, lambda: self.flow.pinged(self.now_s - began_s, self.now_s), self._probe)
        else:
            self._probe()

    def _probe(self):
        size = self.flow.probe_due(self.now_s)
        if size is not None:
            probe = self.flow.probe_begun(size, self.now_s)
            half_s = 4 * size / self.uplink_bps
            self._call(
                size,
                5.0,
                lambda: self.flow.probe_read(probe, size // 2, half_s, self.now_s),
                timed_out=lambda: self.flow.probe_timed_out(probe, 5.0, self.now_s),
            )

    def _call(self, size, timeout_s, answered, then=lambda: None, timed_out=lambda: None):
        """Measures: one of `answered` and `timed_out` is called, unless the link stands still meanwhile."""
        self._measuring = call = object()

        def end(*calls):
            if self._measuring is call:
                self._measuring = None
                for each in calls:
                    each()

        self._queue.append([lambda: self._after(RTT_S, lambda: end(answered, then)), size, "measurement"])
        self._after(timeout_s, lambda: end(timed_out, then))

    def _upload(self, budget):
        while self._queue and budget > 0:
            taken = min(budget, self._queue[0][1])
            self._queue[0][1] -= taken
            budget -= taken
            if self._queue[0][1] <= 0:
                self._queue.pop(0)[0]()

    def _after(self, seconds, call):
        self._later.append((self.now_s + seconds, call))

    def _carry_out(self, order):
        if order is None:
            return
        if order.renew:
            self._queue = [entry for entry in self._queue if entry[2] != "frame"]
            self.flow.stream_renewed()
        for frame_id in order.frame_ids:
            self._end(frame_id, "local_fallback")

    def _end(self, frame_id, outcome):
        assert frame_id not in self.ends, "a frame ends once"
        self._deadlines.pop(frame_id, None)
        self.ends[frame_id] = (outcome, self.now_s)


class TestTwentySeconds:
    def test_a_link_that_stalls_and_resumes(self):
        edge = Edge()
        edge.run(6)
        assert edge.bps == pytest.approx(20e6, rel=0.2)
        edge.run(4, uplink_bps=1e3)
        assert "local_fallback" in edge.outcomes(6, 10)
        assert edge.bps is None or edge.bps < 2e6, "the stall is seen before it ends"
        assert "offloaded" not in edge.outcomes(7, 10)
        edge.run(10, uplink_bps=20e6)
        assert edge.bps == pytest.approx(20e6, rel=0.2)
        assert set(edge.outcomes(17, 20)) == {"offloaded"}
        edge.run(2, period_s=1e9)  # no more frames
        assert sorted(edge.ends) == list(range(edge._frames)), "every frame has its one end"
        assert edge.flow.in_flight == 0

    def test_a_link_that_stands_still_for_less_than_a_loss_keeps_its_rate(self):
        edge = Edge()
        edge.run(6)
        edge.run(1.2, link_stands_still=True)
        edge.run(3.0, link_stands_still=False)
        assert edge.bps == pytest.approx(20e6, rel=0.2)
        assert edge.outcomes(9, 10.3).count("offloaded") >= 5

    def test_a_cloud_that_is_gone_for_a_while_loses_no_frame(self):
        edge = Edge()
        edge.run(6)
        edge.run(6, link_stands_still=True)
        assert edge.controller.state(edge.now_s).phase is Phase.ALONE
        assert set(edge.outcomes(8.5, 12)) == {"edge_only"}
        edge.run(8, link_stands_still=False)
        assert set(edge.outcomes(17, 20)) == {"offloaded"}
        edge.run(2, period_s=1e9)
        assert sorted(edge.ends) == list(range(edge._frames))

    def test_a_cloud_that_refuses_is_left_alone_for_as_long_as_it_asked(self):
        edge = Edge()
        edge.run(6)
        edge.run(6, refuses_for_s=2.0)
        asked_s = [at_s for at_s in edge.handed_s if at_s >= 6]
        bursts = [at_s for before_s, at_s in zip([0.0, *asked_s], asked_s, strict=False) if at_s - before_s > 1.9]
        assert 2 <= len(bursts) <= 3, "frames are tried again every 2 s, and no sooner"
        assert edge.outcomes(6.2, 12).count("offloaded") == 0
        edge.run(8, refuses_for_s=None)
        assert set(edge.outcomes(15, 20)) == {"offloaded"}, "it was well all the time, so the rate is still known"
        edge.run(2, period_s=1e9)
        assert sorted(edge.ends) == list(range(edge._frames))


STEPS = {
    "answer": lambda flow, frame_id, now_s: flow.answered(frame_id, served(0.01), now_s),
    "announce": lambda flow, frame_id, now_s: flow.announced(frame_id, 500_000, 0.01, now_s),
    "large answer": lambda flow, frame_id, now_s: flow.answered(frame_id, served(0.01), now_s, 500_000),
    "refuse": lambda flow, frame_id, now_s: flow.refused(frame_id, "no", None, now_s),
    "not sent": lambda flow, frame_id, now_s: flow.not_sent(frame_id, "no", now_s),
    "deadline": lambda flow, frame_id, now_s: flow.deadline_passed(frame_id, now_s),
    "lost": lambda flow, frame_id, now_s: flow.connection_lost("gone", None, now_s),
    "opened": lambda flow, frame_id, now_s: flow.opened(now_s),
    "heard": lambda flow, frame_id, now_s: flow.heard(now_s) and None,
    "renewed": lambda flow, frame_id, now_s: flow.stream_renewed(),
    "look": lambda flow, frame_id, now_s: flow.look_for_late_uploads(now_s),
}


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["hand over", *STEPS]), st.integers(0, 5), st.floats(0.0, 2.0)),
        max_size=60,
    )
)
def test_whatever_happens_a_frame_leaves_exactly_once(steps):
    heard = Heard()
    flow, now_s, handed, left = Flow(heard, silence_s=SILENCE_S, heartbeat_s=HEARTBEAT_S), 0.0, 0, []
    for step, back, pause_s in steps:
        now_s += pause_s
        if step == "hand over":
            hand_over(flow, handed, now_s)
            handed += 1
            continue
        frame_id = max(0, handed - 1 - back)
        came_of_it = STEPS[step](flow, frame_id, now_s) or None
        if isinstance(came_of_it, FinishHere):
            left += came_of_it.frame_ids
            assert not (came_of_it.renew and flow.in_flight)
        elif came_of_it is not None:
            left.append(frame_id)
        assert step != "lost" or flow.in_flight == 0
        assert len(left) == len(set(left))
        assert len(left) + flow.in_flight == handed
    assert all(sample.seconds > 0.0 for sample in heard.of(UplinkMeasured))
