"""What holds whatever is observed, and the controller's interface step by step."""

import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_service.control import (
    AnswerMissed,
    BreakerState,
    CloudAnswered,
    CloudBusy,
    CloudLoadReported,
    CloudLost,
    CloudProfiled,
    Controller,
    ControllerConfig,
    CutEncoded,
    DownlinkAtLeast,
    DownlinkMeasured,
    DownloadStalled,
    EncodingCosts,
    HeadMeasured,
    HeartbeatsResumed,
    Mode,
    OverheadMeasured,
    Phase,
    RateChanged,
    RoundTripMeasured,
    SplitImpossible,
    TailMeasured,
    UplinkAtLeast,
    UplinkMeasured,
    UploadLate,
    UploadStalled,
)
from edge_service.control.policies import Chain, CloudOnly, EdgeOnly, Given, Policy
from edge_service.control.tables import Build
from partitioner import CostProfile, Layer, LayerGraph, Link, PartitionError, SplitTable, TooManySplitsError
from partitioner.searched.searched_splits import SearchedSplits

GRAPH = LayerGraph(
    (
        Layer("image", (), 150_000),
        Layer("stem", ("image",), 60_000),
        Layer("left", ("stem",), 30_000),
        Layer("right", ("stem",), 30_000),
        Layer("head", ("left", "right"), 4_000),
    ),
    ("head",),
)
EDGE_S = (0.0, 0.1, 0.1, 0.1, 0.05)
CLOUD_S = (0.0, 0.01, 0.01, 0.01, 0.005)
ALL = frozenset(layer.name for layer in GRAPH.layers)

ENCODINGS = (
    EncodingCosts("raw", (150_000.0, 60_000.0, 30_000.0, 30_000.0, 4_000.0), (1e-4,) * 5),
    EncodingCosts("zstd", (90_000.0, math.inf, 9_000.0, 9_000.0, 4_000.0), (1e-2,) * 5),
)

ANY_NUMBER = st.floats(allow_nan=True, allow_infinity=True)
TIMES = st.lists(st.floats(0.0, 10.0), min_size=5, max_size=5).map(tuple)
EVENTS = st.one_of(
    st.builds(UplinkMeasured, st.integers(-5, 10**9), ANY_NUMBER, st.booleans()),
    st.builds(UploadStalled, st.integers(-5, 10**9), ANY_NUMBER),
    st.builds(UplinkAtLeast, st.integers(-5, 10**9), ANY_NUMBER),
    st.just(HeartbeatsResumed()),
    st.builds(UploadLate, st.integers(-5, 10**9), ANY_NUMBER),
    st.builds(DownlinkMeasured, st.integers(-5, 10**9), ANY_NUMBER, st.booleans(), st.booleans()),
    st.builds(DownlinkAtLeast, st.integers(-5, 10**9), ANY_NUMBER),
    st.builds(DownloadStalled, st.integers(-5, 10**9), ANY_NUMBER),
    st.builds(RoundTripMeasured, ANY_NUMBER),
    st.builds(OverheadMeasured, ANY_NUMBER),
    st.builds(HeadMeasured, ANY_NUMBER, ANY_NUMBER),
    st.builds(TailMeasured, ANY_NUMBER, ANY_NUMBER),
    st.builds(CloudLoadReported, ANY_NUMBER),
    st.builds(CloudProfiled, TIMES, st.dictionaries(st.sampled_from(["raw", "zstd", "newer"]), TIMES)),
    st.builds(CutEncoded, st.sampled_from(["raw", "zstd", "unknown"]), ANY_NUMBER, ANY_NUMBER),
    st.builds(CloudLost, st.just("gone")),
    st.just(CloudAnswered()),
    st.just(AnswerMissed()),
    st.builds(CloudBusy, st.floats()),
    st.builds(RateChanged, st.floats(1e-3, 1e3)),
)


POLICIES = {
    "adaptive": lambda: None,
    "edge_only": EdgeOnly,
    "cloud_only": CloudOnly,
    "chain": Chain,
    "given": lambda: Given(frozenset({"image", "stem", "right"})),
}


def offloading(
    config: ControllerConfig | None = None, bps: float = 20e6, rate_hz: float = 1.0, policy=None
) -> Controller:
    controller = Controller(GRAPH, EDGE_S, config, rate_hz, policy=policy)
    for event in (CloudProfiled(CLOUD_S), RoundTripMeasured(0.02), UplinkMeasured(250_000, 2e6 / bps)):
        controller.observe(event, 0.0)
    return controller


@settings(deadline=None)
@given(
    st.sampled_from(sorted(POLICIES)),
    st.lists(st.tuples(EVENTS, st.floats(0.0, 3.0)), max_size=40),
    st.floats(1e-3, 1e3),
)
def test_whatever_is_observed_plans_are_feasible_and_numbers_make_sense(policy, steps, rate_hz):
    controller = Controller(GRAPH, EDGE_S, ControllerConfig(), rate_hz, ENCODINGS, POLICIES[policy]())
    now_s, switches, before = 0.0, 0, None
    for event, pause_s in steps:
        now_s += pause_s
        controller.observe(event, now_s)
        plan, state = controller.plan(now_s), controller.state(now_s)
        edge = plan.partition.edge
        assert "image" in edge
        assert all(set(layer.inputs) <= edge for layer in GRAPH.layers if layer.name in edge)
        assert (plan.deadline_s == math.inf) == (edge == ALL)
        assert (
            plan.deadline_s > plan.partition.transfer_s + plan.partition.cloud_s + plan.partition.fixed_s or edge == ALL
        )
        assert 1 <= plan.in_flight <= 16
        assert plan.max_rate_hz > 0.0
        assert state.uplink_bps is None or 0.0 < state.uplink_bps < math.inf
        assert state.rtt_s is None or 0.0 < state.rtt_s < math.inf
        assert 0.0 < state.edge_load < math.inf
        assert 0.0 < state.cloud_load < math.inf
        assert plan.phase is state.phase
        assert plan.phase is Phase.OFFLOADING or edge == ALL
        switches += before is not None and before != edge
        before = edge
        assert plan.serial == state.switches == switches
        size = controller.probe_due(now_s)
        assert size is None or 2_000 <= size <= 4_000_000
        ping, reconnect = controller.ping_due(now_s), controller.reconnect_due(now_s)
        if policy == "edge_only":
            assert (size, ping, reconnect, edge) == (None, False, False, ALL)
        if policy == "cloud_only" and plan.phase is Phase.OFFLOADING:
            assert edge == {"image"}
        if policy == "given" and plan.phase is Phase.OFFLOADING:
            assert edge == {"image", "stem", "right"}
        if policy == "chain":
            assert edge != {"image", "stem", "right"}, "no prefix of the order"


class TestAGivenSplit:
    EDGE = frozenset({"image", "stem"})

    def test_it_is_kept_to_and_priced_with_what_was_observed(self):
        controller = offloading(bps=20e6, policy=Given(self.EDGE))
        for i in range(20):
            controller.observe(HeadMeasured(0.1, 0.2), float(i))
        plan = controller.plan(20.0)
        assert plan.partition.edge == self.EDGE
        assert plan.partition.transfer_s == pytest.approx(8 * 60_000 / 20e6)
        assert plan.partition.edge_s > 0.1

    def test_nothing_is_sent_while_nothing_can_be(self):
        controller = Controller(GRAPH, EDGE_S, policy=Given(self.EDGE))
        assert controller.plan(0.0).partition.edge == ALL

    @pytest.mark.parametrize("policy", [CloudOnly(), Given(frozenset({"image"}))])
    def test_its_mode_and_deadline_follow_the_link_at_once(self, policy):
        controller = offloading(bps=20e6, rate_hz=3.0, policy=policy)
        assert controller.plan(0.0).mode is Mode.LIGHT
        for i in range(40):
            controller.observe(UplinkMeasured(250_000, 2e6 / 2e6), 1.0 + i / 100)
        plan = controller.plan(1.5)
        assert plan.mode is Mode.HEAVY
        assert plan.deadline_s > plan.in_flight * plan.partition.transfer_s, "frames under way wait for each other"

    def test_it_is_waited_for_longer_than_a_chosen_one(self):
        """Given up where finishing here would be faster, it would not be the split that was given."""
        controller = offloading(bps=2e5, policy=Given(frozenset(ALL - {"head"})))
        waited_s = controller.plan(0.0).deadline_s
        transfer_s = 8 * 60_000 / 2e5
        assert waited_s > 2 * transfer_s


class TestPlan:
    def test_nothing_is_decided_again_while_nothing_moves(self):
        controller = offloading()
        first = controller.plan(1.0)
        again = [controller.plan(1.0 + i / 100) for i in range(100)]
        assert controller.state(2.0).decisions == 1
        assert all(plan is again[0] for plan in again)
        assert (first.partition, first.serial) == (again[0].partition, again[0].serial)

    def test_a_small_drift_adds_up_to_a_decision(self):
        controller = offloading()
        controller.plan(0.0)
        for i in range(200):
            controller.observe(UplinkMeasured(250_000, 0.1 * 1.002**i), i / 10)
            controller.plan(i / 10)
        decisions = controller.state(20.0).decisions
        assert 20 < decisions < 150
        assert controller.plan(20.0).uplink_bps == pytest.approx(controller.state(20.0).uplink_bps, rel=0.006)

    def test_round_trip_and_overhead_are_the_fixed_time(self):
        controller = offloading()
        controller.observe(OverheadMeasured(0.003), 0.0)
        assert controller.plan(0.0).partition.fixed_s == pytest.approx(0.023)

    def test_enough_frames_are_in_flight_to_hide_the_delay(self):
        controller = offloading(rate_hz=10.0, bps=100e6)
        for _ in range(50):
            controller.observe(RoundTripMeasured(0.5), 11.0)
        plan = controller.plan(11.0)
        assert plan.partition.cut
        rest_s = plan.partition.latency_s - plan.partition.edge_s
        assert plan.in_flight >= rest_s * 10.0 + 1

    def test_loads_are_told_apart_from_the_profile(self):
        controller = offloading(bps=1e6)
        for i in range(20):
            controller.observe(HeadMeasured(0.1, 0.3), i / 10)
        plan = controller.plan(2.0)
        assert plan.edge_load == pytest.approx(3.0)
        assert plan.base_head_s == pytest.approx(plan.partition.edge_s / 3.0)

    def test_a_new_rate_changes_the_mode_at_once(self):
        controller = offloading(rate_hz=3.0, bps=20e6)
        assert controller.plan(0.0).mode is Mode.LIGHT
        controller.observe(RateChanged(200.0), 1.0)
        assert controller.plan(1.0).mode is Mode.HEAVY
        controller.observe(RateChanged(3.0), 2.0)
        assert controller.plan(2.0).mode is Mode.LIGHT

    def test_the_mode_follows_a_lasting_change_even_without_a_switch(self):
        # At 8.35 Mbit/s the upload of the image, the fastest split, takes 92 % of a period of 6.4 Hz: heavy, since that
        # leaves too little headroom, but not a reason to leave the split in use.
        controller = offloading(rate_hz=6.4, bps=10e6)
        light = controller.plan(0.0)
        assert (light.mode, light.partition.cut) == (Mode.LIGHT, ("image",))
        for i in range(40):
            controller.observe(UplinkMeasured(250_000, 2e6 / 8.35e6), 1.0 + i / 100)
        plans = [controller.plan(1.5 + i / 10) for i in range(20)]
        assert {plan.serial for plan in plans} == {light.serial}
        modes = [plan.mode for plan in plans]
        assert modes == sorted(modes, key=lambda mode: mode is Mode.HEAVY), "it changes once"
        assert (modes[5], modes[-1]) == (Mode.LIGHT, Mode.HEAVY)


class TestBreaker:
    def test_answers_missed_in_a_row_open_it_and_answers_in_between_do_not(self):
        controller = offloading()
        for i in range(6):
            controller.observe(CloudAnswered() if i % 3 == 2 else AnswerMissed(), float(i))
        assert controller.state(6.0).breaker is BreakerState.CLOSED
        for i in range(3):
            controller.observe(AnswerMissed(), 7.0 + i)
        assert controller.state(10.0).breaker is BreakerState.OPEN
        assert controller.state(10.0).lost_reason
        assert controller.plan(10.0).partition.edge == ALL

    def test_heartbeats_bring_offloading_back_after_the_wait_without_a_reconnect(self):
        controller = offloading()
        for _ in range(3):
            controller.observe(AnswerMissed(), 1.0)
        controller.observe(CloudLoadReported(1.0), 1.2)
        assert controller.plan(1.2).phase is Phase.ALONE
        controller.observe(CloudLoadReported(1.0), 1.7)
        assert controller.plan(1.7).phase is Phase.MEASURING
        assert controller.probe_due(1.7) == 64_000
        controller.observe(UplinkMeasured(64_000, 0.0256), 1.8)
        assert controller.plan(1.8).partition.edge != ALL

    def test_a_busy_cloud_is_left_alone_for_as_long_as_it_asked_and_the_rate_stays_known(self):
        controller = offloading()
        controller.observe(CloudBusy(2.0), 1.0)
        assert controller.plan(1.0).partition.edge == ALL
        controller.observe(CloudAnswered(), 1.1)  # of a frame that was sent before
        controller.observe(CloudLoadReported(1.0), 2.9)
        assert controller.plan(2.9).partition.edge == ALL
        assert not controller.reconnect_due(2.9)
        controller.observe(CloudLoadReported(1.0), 3.1)
        assert controller.plan(3.1).phase is Phase.OFFLOADING, "without a probe: the link is as it was"
        assert controller.plan(3.1).partition.edge != ALL

    def test_a_lost_cloud_is_tried_again_when_it_said(self):
        controller = offloading()
        controller.observe(CloudLost("denied", retry_after_s=30.0), 1.0)
        assert not controller.reconnect_due(30.9)
        assert controller.reconnect_due(31.0)

    def test_a_late_answer_of_a_tail_does_not_close_it(self):
        controller = offloading()
        controller.observe(CloudLost("reset"), 1.0)
        controller.observe(TailMeasured(0.01, 0.01), 1.1)
        controller.observe(UplinkMeasured(250_000, 0.1), 1.1)
        assert controller.plan(1.1).phase is Phase.ALONE

    def test_after_an_outage_the_old_rate_is_not_trusted(self):
        controller = offloading()
        controller.observe(CloudLost("reset"), 1.0)
        assert controller.reconnect_due(1.5)
        controller.observe(CloudAnswered(), 1.6)
        assert controller.plan(1.6).phase is Phase.MEASURING
        assert controller.plan(1.6).partition.edge == ALL
        assert controller.probe_due(1.6) == 64_000

    def test_after_a_pause_of_the_heartbeats_the_rate_before_it_is_used_and_probed_at_once(self):
        controller = offloading()
        assert controller.probe_due(2.5) is not None
        controller.observe(UplinkMeasured(125_000, 0.05), 2.6)
        before = controller.plan(2.6)
        controller.observe(UploadLate(150_000, 1.0), 3.6)
        assert controller.plan(3.6).uplink_bps == pytest.approx(1.2e6)
        controller.observe(HeartbeatsResumed(), 3.7)
        after = controller.plan(3.7)
        assert (after.phase, after.uplink_bps) == (Phase.OFFLOADING, pytest.approx(before.uplink_bps))
        assert after.partition.edge == before.partition.edge
        assert controller.probe_due(3.7) is not None, "though the last one was a second ago"


class TestBusyMachine:
    """Who is busy times badly: calls take long, though the link is fast."""

    @pytest.mark.parametrize("call_s", [0.01, 0.03, 0.06])
    @pytest.mark.parametrize("believed_bps", [0.13e6, 0.3e6, 1.3e6])
    def test_an_estimate_that_is_low_by_mistake_is_found_out(self, believed_bps, call_s):
        controller = offloading(bps=believed_bps)
        began_s, now_s = 10.0, 10.0
        while controller.state(now_s).uplink_bps < 8e6:
            assert now_s - began_s < 4.0
            now_s += 0.05
            size = controller.probe_due(now_s)
            if size is not None:  # as CloudLink reads it, on a link of 20 Mbit/s
                by_half_s = 8 * size / 20e6
                now_s += by_half_s + call_s
                timed = by_half_s + call_s <= 2.0 * by_half_s
                event = UplinkMeasured(size, by_half_s, after_idle=True) if timed else None
                controller.observe(event or UplinkAtLeast(size, by_half_s + call_s), now_s)

    def test_a_first_probe_is_confirmed_soon(self):
        controller = offloading()
        controller.observe(CloudLost("reset"), 1.0)
        assert controller.reconnect_due(1.5)
        controller.observe(CloudAnswered(), 1.6)
        assert controller.probe_due(1.6) == 64_000
        controller.observe(UplinkMeasured(32_000, 1.0, by_receiver=True), 2.7)  # somebody stood still for most of it
        assert controller.probe_due(2.75)
        controller.observe(UplinkMeasured(16_000, 0.0064, after_idle=True), 2.8)
        assert controller.probe_due(3.1), "the second is far off the first"
        controller.observe(UplinkMeasured(16_000, 0.0064, after_idle=True), 3.15)
        assert controller.state(3.15).uplink_bps == pytest.approx(20e6)


class TestPings:
    def test_keep_an_idle_long_fat_link_out_of_slow_start(self):
        controller = offloading(bps=100e6)
        for event in (RoundTripMeasured(0.05), UplinkMeasured(250_000, 0.02)):
            controller.observe(event, 11.0)
        controller.plan(11.0)
        pings = []
        for i in range(100):
            now_s = 11.0 + i / 50
            if controller.ping_due(now_s):
                pings.append(now_s)
                controller.observe(RoundTripMeasured(0.05), now_s)
        assert max(after - before for before, after in itertools.pairwise(pings)) < 0.2

    def test_are_rare_where_slow_start_costs_nothing(self):
        controller = offloading(bps=2e6)
        controller.plan(0.0)
        pings = [i for i in range(100) if controller.ping_due(i / 50)]
        assert len(pings) <= 2


class TestTooManySplits:
    """Forty branches have 2^40 closed sets. Here no table can be built of them, so only searches help."""

    BRANCHES = 40
    WIDE = LayerGraph(
        (
            Layer("image", (), 150_000),
            *(Layer(f"b{i}", ("image",), 1_000) for i in range(BRANCHES)),
            Layer("join", tuple(f"b{i}" for i in range(BRANCHES)), 400),
        ),
        ("join",),
    )
    EDGE_S = (0.0, *(0.02 for _ in range(BRANCHES)), 0.01)
    CLOUD_S = tuple(seconds / 10 for seconds in EDGE_S)

    def controller(self, rate_hz: float = 0.5) -> Controller:
        controller = Controller(self.WIDE, self.EDGE_S, None, rate_hz)
        for event in (CloudProfiled(self.CLOUD_S), RoundTripMeasured(0.02), UplinkMeasured(250_000, 0.1)):
            controller.observe(event, 0.0)
        return controller

    def test_offloads_and_decides_less_often(self):
        with pytest.raises(TooManySplitsError):
            SplitTable(self.WIDE, CostProfile(self.EDGE_S, self.CLOUD_S))
        controller = self.controller()
        assert self.decided(controller, 0.0).partition.cut == ("image",)
        for i in range(1, 40):
            controller.observe(UplinkMeasured(250_000, 0.1 * 1.01**i), i / 10)
            self.decided(controller, i / 10)
        assert controller.state(4.0).decisions == 2

    def decided(self, controller: Controller, now_s: float):
        """The plan after the search that is due, if one is."""
        controller.plan(now_s)
        search = self.search_due(controller, now_s)
        if search is not None:
            controller.work_ended(search, search.run(), now_s)
        return controller.plan(now_s)

    def search_due(self, controller: Controller, now_s: float):
        """The search that is due, after a table that is due could not be built."""
        job = controller.work_due(now_s)
        while isinstance(job, Build):
            controller.work_ended(job, None, now_s)
            job = controller.work_due(now_s)
        return job

    def test_an_outage_is_not_waited_out(self):
        controller = self.controller()
        controller.plan(0.0)
        controller.observe(CloudLost("reset"), 0.1)
        assert controller.plan(0.1).partition.edge == frozenset(layer.name for layer in self.WIDE.layers)

    def test_heavy_load_finds_a_split_that_keeps_up(self):
        plan = self.decided(self.controller(rate_hz=5.0), 0.0)
        assert plan.keeps_up

    def test_until_a_search_ends_the_better_end_is_used_and_a_plan_never_searches(self, monkeypatch):
        """At 5 a second the edge alone takes 0.81 s a frame, the cloud alone 0.14: no search is needed to tell."""

        def searched(*_, **__):
            raise AssertionError("a plan searched")

        for question in ("dsl", "dsh", "decide"):
            monkeypatch.setattr(SearchedSplits, question, searched)
        controller = self.controller(rate_hz=5.0)
        assert controller.plan(0.0).partition.edge == {"image"}
        for i in range(5):
            controller.observe(UplinkMeasured(250_000, 40.0), 1.0 + i / 10)
        assert controller.plan(2.0).partition.edge == {layer.name for layer in self.WIDE.layers}

    def test_one_search_at_a_time_and_a_slow_edge_searches_a_quarter_of_the_time(self):
        controller = self.controller()
        controller.plan(0.0)
        search = self.search_due(controller, 0.0)
        controller.observe(RateChanged(3.0), 1.0)
        controller.plan(1.0)
        assert self.search_due(controller, 1.0) is None, "one runs"
        controller.work_ended(search, search.run(), 7.0)
        controller.plan(7.0)
        assert self.search_due(controller, 27.9) is None
        assert self.search_due(controller, 28.0).question.rate_hz == pytest.approx(3.0 / 0.9)

    def test_nothing_is_searched_again_while_nothing_moves(self):
        controller = self.controller()
        self.decided(controller, 0.0)
        for i in range(1, 50):
            controller.plan(i / 5)
            assert self.search_due(controller, i / 5) is None

    def test_a_search_that_failed_is_not_repeated_until_conditions_move(self):
        controller = self.controller()
        before = controller.plan(0.0)
        controller.work_ended(self.search_due(controller, 0.0), None, 0.1)
        assert controller.plan(3.0).partition == before.partition
        assert self.search_due(controller, 3.0) is None
        controller.observe(RateChanged(3.0), 4.0)
        controller.plan(4.0)
        assert self.search_due(controller, 4.0) is not None

    def test_what_was_found_for_other_times_is_priced_at_those_of_now_and_searched_for_again(self):
        controller = self.controller(rate_hz=5.0)
        controller.plan(0.0)
        search = self.search_due(controller, 0.0)
        slow = tuple(1000.0 * seconds for seconds in self.CLOUD_S)
        controller.observe(CloudProfiled(slow), 0.5)
        controller.plan(0.5)
        controller.work_ended(search, search.run(), 1.0)
        assert controller.plan(1.0).partition.edge == {layer.name for layer in self.WIDE.layers}
        assert self.search_due(controller, 4.0).numbers.costs.cloud_s == slow

    def test_a_search_of_nobody_is_ignored(self):
        controller, other = self.controller(), self.controller()
        other.plan(0.0)
        stray = self.search_due(other, 0.0)
        before = controller.plan(0.0)
        controller.work_ended(stray, stray.run(), 1.0)
        assert controller.plan(1.0).partition == before.partition
        assert controller.state(1.0).decisions == 0

    def test_an_outage_ends_the_wish_to_search(self):
        controller = self.controller()
        controller.plan(0.0)
        controller.observe(CloudLost("reset"), 0.1)
        controller.plan(0.1)
        assert self.search_due(controller, 0.2) is None

    def test_the_search_agrees_with_the_table_where_both_work(self):
        costs = CostProfile(EDGE_S, CLOUD_S)
        table, search = SplitTable(GRAPH, costs), SearchedSplits(GRAPH, costs)
        for bps in (1e5, 1e6, 4e6, 20e6, 1e8):
            for rate_hz in (0.5, 5.0, 50.0):
                link = Link(bps, fixed_s=0.02)
                one = table.decide(link, rate_hz, edge_load=2.0, cloud_load=3.0)
                other = search.decide(link, rate_hz, edge_load=2.0, cloud_load=3.0)
                assert other.partition.latency_s == pytest.approx(one.partition.latency_s)
                assert (other.mode, other.keeps_up) == (one.mode, one.keeps_up)
                assert other.max_rate_hz <= one.max_rate_hz * (1 + 1e-9)
                edge = one.partition.edge
                assert search.evaluate(edge, link, edge_load=2.0).latency_s == pytest.approx(
                    table.evaluate(edge, link, edge_load=2.0).latency_s
                )


class TestWrongInput:
    @pytest.mark.parametrize("rate_hz", [0.0, -1.0, math.nan, math.inf])
    def test_rates_must_make_sense(self, rate_hz):
        with pytest.raises(ValueError, match="rate_hz must be positive"):
            Controller(GRAPH, EDGE_S, None, rate_hz)
        with pytest.raises(ValueError, match="rate_hz must be positive"):
            offloading().observe(RateChanged(rate_hz), 1.0)

    def test_profiles_must_fit_the_graph(self):
        with pytest.raises(PartitionError):
            Controller(GRAPH, (0.1,), None, 1.0)
        controller = offloading()
        before = controller.plan(0.0)
        with pytest.raises(PartitionError):
            controller.observe(CloudProfiled((0.1,)), 1.0)
        assert controller.plan(1.0).partition == before.partition

    @pytest.mark.parametrize(
        "wrong",
        [
            {"headroom": 0.0},
            {"headroom": 1.1},
            {"hysteresis": 1.0},
            {"deadline_factor": 0.5},
            {"deadline_margin_s": 0.0},
            {"most_in_flight": 0},
        ],
    )
    def test_settings_must_make_sense(self, wrong):
        with pytest.raises(ValueError, match=r"must|need"):
            ControllerConfig(**wrong)


class TestALateUpload:
    def controller(self) -> Controller:
        controller = Controller(GRAPH, EDGE_S, rate_hz=1.0)
        controller.observe(CloudProfiled(CLOUD_S), 0.0)
        controller.observe(RoundTripMeasured(0.01), 0.0)
        for _ in range(3):
            controller.observe(UplinkMeasured(150_000, 0.06), 0.0)
        return controller

    def test_lowers_the_estimate_before_it_ends_and_is_no_failure(self):
        controller = self.controller()
        for now_s in (1.0, 2.0, 4.0):
            controller.observe(UploadLate(150_000, now_s), now_s)
        state = controller.state(4.0)
        assert state.uplink_bps == pytest.approx(8 * 150_000 / 4.0)
        assert state.breaker is BreakerState.CLOSED
        assert controller.plan(4.0).phase is Phase.OFFLOADING

    def test_within_jitter_says_nothing(self):
        controller = self.controller()
        controller.observe(UploadLate(150_000, 0.1), 1.0)
        assert controller.state(1.0).uplink_bps == pytest.approx(20e6)

    def test_frames_that_would_wait_for_it_are_done_here_until_an_answer_comes(self):
        controller = self.controller()
        assert controller.plan(0.9).partition.edge != ALL
        controller.observe(UploadLate(150_000, 0.4), 1.4)
        plan = controller.plan(1.4)
        assert plan.partition.edge == ALL
        assert plan.in_flight > 1, "it must not wait for the frame that is late"
        controller.observe(UploadLate(150_000, 0.45), 1.45)
        assert controller.plan(1.45).partition.edge == ALL
        controller.observe(UplinkMeasured(150_000, 0.06), 1.5)
        controller.observe(CloudAnswered(), 1.5)
        assert controller.plan(1.5).partition.edge != ALL

    def test_is_waited_for_where_that_is_still_sooner(self):
        slow = Controller(GRAPH, tuple(20 * seconds for seconds in EDGE_S), rate_hz=0.2)
        slow.observe(CloudProfiled(CLOUD_S), 0.0)
        slow.observe(RoundTripMeasured(0.01), 0.0)
        slow.observe(UplinkMeasured(150_000, 0.06), 0.0)
        slow.observe(UploadLate(150_000, 0.4), 1.4)
        assert slow.plan(1.4).partition.edge != ALL


class TestUploadsAfterAPause:
    """At 8 Mbit/s and 50 ms the link holds 50 kB, more than TCP's first window."""

    def controller(self, rtt_s: float) -> Controller:
        controller = Controller(GRAPH, EDGE_S, rate_hz=1.0)
        controller.observe(CloudProfiled(CLOUD_S), 0.0)
        controller.observe(RoundTripMeasured(rtt_s), 0.0)
        for now_s in (0.1, 0.2, 0.3):
            controller.observe(UplinkMeasured(150_000, 0.15), now_s)
        return controller

    def slower(self, controller: Controller) -> float:
        for now_s in (5.0, 6.0, 7.0):
            controller.observe(UplinkMeasured(150_000, 0.3, after_idle=True), now_s)
        return controller.state(7.0).uplink_bps

    def test_may_be_slow_start_and_say_nothing(self):
        assert self.slower(self.controller(0.05)) == pytest.approx(8e6)

    def test_tell_of_a_slower_link_where_pings_kept_the_window_open(self):
        controller = self.controller(0.05)
        pings = [(RoundTripMeasured(0.05), 0.3 + 0.1 * i) for i in range(1, 64)]
        uploads = [(UplinkMeasured(150_000, 0.3, after_idle=True), now_s) for now_s in (5.0, 6.0, 7.0)]
        for event, now_s in sorted(pings + uploads, key=lambda pair: pair[1]):
            controller.observe(event, now_s)
        assert controller.state(7.0).uplink_bps == pytest.approx(4e6, rel=0.1)

    def test_tell_of_a_slower_link_where_it_holds_no_more_than_the_first_window(self):
        assert self.slower(self.controller(0.005)) == pytest.approx(4e6, rel=0.1)


class Everywhere(Policy):
    """Of one's own: sends the inputs, whatever a message holds."""

    name = "everywhere"

    def choose(self, splits, conditions):
        return CloudOnly().choose(splits, conditions)


def ready(graph, policy=None):
    controller = Controller(graph, EDGE_S, policy=policy)
    for event in (CloudProfiled(CLOUD_S), CloudAnswered(), RoundTripMeasured(0.01), UplinkMeasured(10**6, 0.001)):
        controller.observe(event, 0.0)
    return controller


@pytest.mark.parametrize(
    "graph",
    [
        LayerGraph((Layer("image", (), 150_000, sendable=False), *GRAPH.layers[1:]), ("head",)),
        LayerGraph(GRAPH.layers, ("head",), 100_000),
    ],
)
def test_no_policy_sends_what_does_not_fit_in_a_message(graph):
    assert ready(GRAPH, Everywhere()).plan(0.1).partition.cut == ("image",)
    assert ready(graph, Everywhere()).plan(0.1).partition.edge == ALL


def test_a_split_that_the_cloud_cannot_answer_is_never_used_again():
    controller = ready(GRAPH)
    used = controller.plan(0.1).partition
    assert used.edge != ALL
    controller.observe(SplitImpossible(used.edge), 0.2)
    for now_s in (0.3, 5.0, 60.0):
        controller.observe(UplinkMeasured(10**6, 0.001), now_s)
        assert controller.plan(now_s).partition.edge != used.edge
