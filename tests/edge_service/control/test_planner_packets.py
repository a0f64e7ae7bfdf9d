"""Packets are priced like any other split, frame by frame, and shown as an encoding of the model's input."""

import dataclasses
import itertools
import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_service.control import (
    AnswerMissed,
    CloudAnswered,
    CloudLost,
    CloudProfiled,
    Controller,
    ControllerConfig,
    CutEncoded,
    EncodingCosts,
    HeadMeasured,
    Mode,
    PacketCosts,
    PacketsRefused,
    PacketsSeen,
    PacketsSent,
    Phase,
    PictureDecoded,
    PicturesDecodedThere,
    RateChanged,
    RoundTripMeasured,
    SplitImpossible,
    TailMeasured,
    UplinkMeasured,
)
from edge_service.control.policies import Chain, CloudOnly, EdgeOnly, Given
from edge_service.control.tables import Build, Reprice, Search
from partitioner import CostProfile, Layer, LayerGraph, Link, PartitionError, evaluate

GRAPH = LayerGraph(
    (
        Layer("image", (), 150_000),
        Layer("conv1", ("image",), 400_000),
        Layer("conv2", ("conv1",), 20_000),
        Layer("packets", ("conv2",), 9_000),  # a layer of the model may have this name
        Layer("fc", ("packets",), 400),
    ),
    ("fc",),
)
NAMES_IN_ORDER = [layer.name for layer in GRAPH.layers]
NAMES = set(NAMES_IN_ORDER)
EDGE_S = (0.0, 0.2, 0.2, 0.2, 0.1)
CLOUD_S = tuple(seconds / 10 for seconds in EDGE_S)
DECODE_S = 0.03
PACKETS = PacketCosts("image", 8_000.0, DECODE_S)
RAW = EncodingCosts("raw", (150_000.0, 400_000.0, 20_000.0, 9_000.0, 400.0), (0.0,) * 5)
ZSTD = EncodingCosts("zstd", (50_000.0, 200_000.0, 10_000.0, 5_000.0, 400.0), (2e-3,) * 5)
RTT_S = 0.02
RANDOM = random.Random(4)


def controller(
    *, bps=4e6, rate_hz=0.5, packets=PACKETS, takes=True, policy=None, encodings=(), graph=GRAPH, edge_s=EDGE_S
) -> Controller:
    made = Controller(graph, edge_s, ControllerConfig(), rate_hz, encodings, policy, packets)
    profile = CloudProfiled(
        tuple(s / 10 for s in edge_s), {each.name: (1e-3,) * len(graph) for each in encodings}, takes_packets=takes
    )
    for event in (profile, RoundTripMeasured(RTT_S), UplinkMeasured(250_000, 2e6 / bps)):
        made.observe(event, 0.0)
    return made


def test_a_slow_link_is_sent_packets_where_the_frame_would_take_too_long():
    made = controller(bps=4e6)
    plan = made.plan(0.0, packets_ready=True)
    split = plan.partition
    assert plan.packets
    assert (split.edge, split.cut, split.encoding) == ({"image"}, ("image",), "packets")
    assert split.edge_s == 0.0
    assert split.transfer_s == pytest.approx(8.0 * 8_000 / 4e6)
    assert split.decode_s == pytest.approx(DECODE_S / 10)
    assert split.cloud_s == pytest.approx(sum(CLOUD_S) + DECODE_S / 10)
    assert split.fixed_s == RTT_S
    assert plan.measured_bytes == 8_000.0
    assert plan.base_head_s == 0.0
    assert plan.base_cloud_s == pytest.approx(sum(CLOUD_S))
    assert plan.deadline_s < math.inf
    assert controller(bps=4e3).plan(0.0, packets_ready=True).partition.edge == NAMES


def test_a_frame_without_its_packets_is_planned_as_the_model_alone():
    made = controller(bps=1e6)
    plan = made.plan(0.0)
    assert not plan.packets
    assert plan.partition.edge > {"image", "conv1"}
    layers_s = sum(s for name, s in zip(NAMES_IN_ORDER, EDGE_S, strict=True) if name in plan.partition.edge)
    assert plan.partition.edge_s == pytest.approx(layers_s + DECODE_S)
    assert plan.picture_s == pytest.approx(DECODE_S)
    assert plan.base_head_s == pytest.approx(layers_s)


def test_with_nothing_but_an_image_to_send_a_fast_edge_decodes_it_itself():
    """On a fast link the frame costs little to send, and this cloud takes half a second to decode."""
    made = controller(bps=1e9)
    assert made.plan(0.0, packets_ready=True).packets
    for i in range(5):
        made.observe(PicturesDecodedThere(0.5), i / 10)
    plan = made.plan(1.0, packets_ready=True)
    assert (plan.packets, plan.partition.cut, plan.partition.encoding) == (False, ("image",), "raw")
    assert not plan.changed, "the same cut, sent in another way"


def test_an_edge_that_decodes_anyway_is_priced_so():
    always = controller(packets=dataclasses.replace(PACKETS, always_decodes=True)).plan(0.0, packets_ready=True)
    assert always.packets
    assert always.partition.edge_s == pytest.approx(DECODE_S)
    assert (always.picture_s, always.base_head_s) == (pytest.approx(DECODE_S), 0.0)


@pytest.mark.parametrize(("packets", "takes"), [(None, True), (PACKETS, False)])
def test_packets_that_there_are_not_or_that_the_cloud_does_not_take_are_not_sent(packets, takes):
    made = controller(packets=packets, takes=takes)
    assert not made.packets_usable
    assert made.plan(0.0, packets_ready=True) == made.plan(0.0)
    assert not made.plan(0.0).packets


def test_without_packets_the_events_change_nothing():
    made, other = controller(packets=None), controller(packets=None)
    for event in (
        PacketsSent(1.0),
        PacketsSeen(1.0),
        PictureDecoded(9.0),
        PicturesDecodedThere(9.0),
        PacketsRefused("x"),
    ):
        made.observe(event, 0.0)
    assert made.plan(0.0) == other.plan(0.0)


class TestRefusals:
    def test_last_until_the_next_profile_or_for_ever(self):
        made = controller()
        profile = CloudProfiled(CLOUD_S, {}, takes_packets=True)
        for for_ever in (False, True):
            assert made.plan(0.0, packets_ready=True).packets
            made.observe(PacketsRefused("its decoder gives other pixels", for_ever), 0.0)
            assert made.plan(0.0, packets_ready=True).partition == made.plan(0.0).partition
            made.observe(profile, 0.0)
        assert not made.plan(0.0, packets_ready=True).packets

    def test_are_no_failures(self):
        made = controller()
        for _ in range(10):
            made.observe(PacketsRefused("no"), 0.0)
        assert made.plan(0.0, packets_ready=True).phase is Phase.OFFLOADING

    def test_of_packets_do_not_forbid_the_frame(self):
        made = controller(bps=1e9)
        assert made.plan(0.0, packets_ready=True).packets
        made.observe(SplitImpossible(frozenset({"image"}), packets=True), 0.0)
        plan = made.plan(0.0, packets_ready=True)
        assert (plan.packets, plan.partition.cut) == (False, ("image",))

    def test_of_the_frame_do_not_forbid_packets(self):
        made = controller(bps=1e9)
        made.observe(SplitImpossible(frozenset({"image"})), 0.0)
        assert made.plan(0.0, packets_ready=True).packets
        assert made.plan(0.0).partition.edge != {"image"}


class TestWhatIsMeasured:
    def test_packets_that_grew_are_priced_as_they_are(self):
        made = controller(bps=4e6)
        assert made.plan(0.0, packets_ready=True).packets
        for i in range(1, 100):
            made.observe(PacketsSent(200_000) if i % 2 else PacketsSeen(200_000), i / 5)
        plan = made.plan(20.0, packets_ready=True)
        assert not plan.packets
        for i in range(100, 200):
            made.observe(PacketsSeen(8_000), i / 5)
        plan = made.plan(40.0, packets_ready=True)
        assert plan.packets
        assert plan.measured_bytes == pytest.approx(8_000, rel=0.1)

    def test_the_decoders_seconds_are_no_load_and_are_priced_once(self):
        """A video that takes three times as long to decode, on an edge that is twice as slow as its profile."""
        made = controller(bps=1e5)
        for i in range(20):
            made.observe(HeadMeasured(0.7, 1.4), i / 10)
            made.observe(PictureDecoded(2.0 * 3.0 * DECODE_S), i / 10)
        plan = made.plan(2.0)
        assert plan.edge_load == pytest.approx(2.0, rel=0.1)
        assert plan.partition.edge == NAMES
        assert plan.picture_s == pytest.approx(6.0 * DECODE_S, rel=0.3)
        assert plan.partition.edge_s == pytest.approx(2.0 * sum(EDGE_S) + 6.0 * DECODE_S, rel=0.05)

    def test_the_clouds_load_is_that_of_its_layers(self):
        """Nearly all that the cloud does is decoding: a load of three shows in the tail alone."""
        made = controller()
        for i in range(20):
            plan = made.plan(i / 10, packets_ready=True)
            made.observe(TailMeasured(plan.base_cloud_s, 3.0 * sum(CLOUD_S)), i / 10)
            made.observe(PicturesDecodedThere(0.2), i / 10)
        plan = made.plan(2.0, packets_ready=True)
        assert plan.packets
        assert plan.cloud_load == pytest.approx(3.0, rel=0.1)
        assert plan.partition.decode_s == pytest.approx(0.2, rel=0.3)
        assert plan.partition.cloud_s == pytest.approx(3.0 * sum(CLOUD_S) + plan.partition.decode_s, rel=0.1)

    def test_small_drifts_price_nothing_anew(self, monkeypatch):
        made = controller()
        made.plan(0.0, packets_ready=True)
        graphs = made._sides[0].planner._graphs
        before = [each.splits for each in graphs]
        for i in range(50):
            for event in (PacketsSent(8_300), PictureDecoded(0.032), PicturesDecodedThere(0.0032)):
                made.observe(event, i / 5)
            made.plan(i / 5, packets_ready=True)
        assert all(each.splits is splits for each, splits in zip(graphs, before, strict=True))


class TestFramesInTurn:
    """Before each keyframe there are frames whose packets cannot be sent."""

    def test_are_planned_from_two_tables_and_decided_once_each(self):
        made = controller()
        for i in range(6):
            made.plan(i / 10, packets_ready=i % 2 == 0)
        decided = made.state(1.0).decisions
        plans = [made.plan(1.0, packets_ready=i % 2 == 0) for i in range(40)]
        assert made.state(1.0).decisions == decided
        assert [plan.packets for plan in plans] == [True, False] * 20

    def test_a_switch_is_another_cut_and_not_another_way_to_send_it(self):
        made = controller(bps=1e9)
        plans = [made.plan(i / 10, packets_ready=i % 3 == 0) for i in range(12)]
        assert {plan.partition.cut for plan in plans} == {("image",)}
        assert {plan.partition.encoding for plan in plans} == {"packets", "raw"}
        assert not any(plan.changed for plan in plans)
        assert made.state(1.2).switches == 0

    def test_serials_count_the_switches_that_a_frame_sees(self):
        made = controller(bps=1e6)
        plans = [made.plan(i / 10, packets_ready=i % 2 == 0) for i in range(8)]
        edges = [plan.partition.edge for plan in plans]
        assert len(set(edges)) == 2
        changes = [one != two for one, two in itertools.pairwise(edges)]
        assert [plan.changed for plan in plans[1:]] == changes
        serials = [plan.serial for plan in plans]
        assert [two - one for one, two in itertools.pairwise(serials)] == [int(each) for each in changes]
        assert made.state(1.0).switches == serials[-1]

    @pytest.mark.parametrize("readiness", [[True, False], [True, False, False], [False, True, True]])
    def test_near_a_break_point_they_keep_to_one_split(self, readiness):
        """Noise of 5 % around the uplink at which two cuts are equally good; packets are far too large to win."""
        rng = random.Random(7)
        large = dataclasses.replace(PACKETS, bytes_per_frame=900_000.0)
        made = controller(packets=large, bps=break_point_bps())
        plans = []
        for i, ready in enumerate(itertools.islice(itertools.cycle(readiness), 300)):
            bps = break_point_bps() * rng.uniform(0.95, 1.05)
            made.observe(UplinkMeasured(250_000, 2e6 / bps), i / 5)
            plans.append(made.plan(i / 5, packets_ready=ready))
        assert not any(plan.packets for plan in plans)
        assert made.state(60.0).switches <= 1

    def test_packets_that_are_hardly_better_are_no_reason_to_leave_a_split(self):
        """A frame at a time cannot be sent as packets; else each would cost two switches."""
        first = controller(bps=4e6).plan(0.0).partition
        as_good_bytes = (0.95 * first.latency_s - RTT_S - sum(CLOUD_S) - DECODE_S / 10) * 4e6 / 8
        made = controller(packets=dataclasses.replace(PACKETS, bytes_per_frame=as_good_bytes))
        assert made.plan(0.0).partition == first
        plan = made.plan(0.1, packets_ready=True)
        assert (plan.packets, plan.partition.edge) == (False, first.edge)
        alone = controller(packets=dataclasses.replace(PACKETS, bytes_per_frame=as_good_bytes))
        assert alone.plan(0.0, packets_ready=True).packets, "it is better"
        assert not alone.plan(0.1).packets
        settled = [alone.plan(0.2 + i / 10, packets_ready=i % 2 == 0) for i in range(10)]
        assert len({plan.partition.edge for plan in settled}) == 1

    def test_each_keeps_its_own_mode(self):
        """Packets keep up with the rate, and no split of the model does; the uplink moves all the time."""
        made = controller(bps=1e6, rate_hz=8.0)
        plans = []
        for i in range(60):
            made.observe(UplinkMeasured(250_000, 2.0 * (1.0 + 0.05 * (i % 2))), i / 8)
            plans.append(made.plan(i / 8, packets_ready=i % 2 == 0))
        assert {plan.mode for plan in plans[::2]} == {Mode.LIGHT}
        assert {plan.mode for plan in plans[1::2]} == {Mode.HEAVY}

    def test_a_mode_changes_though_the_other_graph_decides_in_between(self):
        """An edge that is a little slower leaves the split in use too little headroom, and no reason to leave it."""
        made = controller(bps=1e6, rate_hz=2.05)
        assert [made.plan(0.0, packets_ready=ready).mode for ready in (True, False)] == [Mode.LIGHT, Mode.LIGHT]
        edge = made.plan(0.0).partition.edge
        for i in range(1, 60):
            made.observe(HeadMeasured(0.4, 0.4 * (1.055 + 0.01 * (i % 2))), i / 8)
            made.observe(UplinkMeasured(250_000, 2.0 * (1.0 + 0.05 * (i % 2))), i / 8)
            made.plan(i / 8, packets_ready=True)
            plan = made.plan(i / 8)
        assert plan.partition.edge == edge
        assert plan.mode is Mode.HEAVY

    def test_an_outage_ends_both(self):
        made = controller()
        assert made.plan(0.0, packets_ready=True).packets
        made.observe(CloudLost("reset"), 1.0)
        plans = [made.plan(1.0, packets_ready=ready) for ready in (True, False)]
        assert [plan.partition.edge for plan in plans] == [NAMES, NAMES]
        assert plans[1].partition == plans[0].partition
        for event in (CloudProfiled(CLOUD_S, {}, takes_packets=True), UplinkMeasured(250_000, 0.5)):
            made.observe(event, 2.0)
        assert made.plan(2.0, packets_ready=True).packets


def break_point_bps() -> float:
    """The uplink at which sending `conv2` and `packets`, the layer, take equally long."""
    return 8.0 * (20_000 - 9_000) / (EDGE_S[3] - CLOUD_S[3])


class TestPolicies:
    @pytest.mark.parametrize("ready", [True, False])
    def test_a_given_split_is_sent_as_given(self, ready):
        for edge in ({"image"}, {"image", "conv1", "conv2"}):
            plan = controller(policy=Given(frozenset(edge))).plan(0.0, packets_ready=ready)
            assert (plan.partition.edge, plan.packets, plan.partition.encoding) == (edge, False, "raw")

    @pytest.mark.parametrize("ready", [True, False])
    def test_edge_only_decodes_and_computes_everything(self, ready):
        plan = controller(policy=EdgeOnly()).plan(0.0, packets_ready=ready)
        assert plan.partition.edge == NAMES
        assert plan.partition.edge_s == pytest.approx(sum(EDGE_S) + DECODE_S)

    def test_cloud_only_sends_packets_where_they_are_cheaper(self):
        made = controller(policy=CloudOnly(), bps=4e6)
        assert made.plan(0.0, packets_ready=True).packets
        assert not made.plan(0.0).packets
        large = controller(policy=CloudOnly(), packets=dataclasses.replace(PACKETS, bytes_per_frame=400_000.0))
        plan = large.plan(0.0, packets_ready=True)
        assert (plan.packets, plan.partition.cut, plan.partition.encoding) == (False, ("image",), "raw")

    def test_cloud_only_sends_packets_before_the_link_is_measured(self):
        made = Controller(GRAPH, EDGE_S, policy=CloudOnly(), packets=PACKETS)
        made.observe(CloudProfiled(CLOUD_S, {}, takes_packets=True), 0.0)
        plan = made.plan(0.0, packets_ready=True)
        assert (plan.packets, plan.uplink_bps) == (True, None)

    def test_a_chain_may_be_cut_before_its_first_layer(self):
        made = controller(policy=Chain(), bps=4e6)
        assert [made.plan(0.0, packets_ready=ready).packets for ready in (True, False, True)] == [True, False, True]


@st.composite
def models(draw):
    """A chain with a second reader here and there, times, sizes, and what packets cost."""
    count = draw(st.integers(1, 6))
    layers = [Layer("image", (), draw(st.integers(1_000, 500_000)))]
    for i in range(count):
        readable = [layer.name for layer in layers]
        sources = {readable[-1], draw(st.sampled_from(readable))}
        largest = 500_000 if i < count - 1 else 9_000  # the way down counts for larger answers
        layers.append(Layer(f"l{i}", tuple(sorted(sources)), draw(st.integers(100, largest))))
    seconds = st.floats(1e-4, 0.3)
    graph = LayerGraph(tuple(layers), (layers[-1].name,))
    edge_s = (0.0, *(draw(seconds) for _ in range(count)))
    packets = PacketCosts("image", draw(st.floats(100, 500_000)), draw(seconds), draw(st.booleans()))
    return graph, edge_s, packets


@settings(max_examples=50, deadline=None)
@given(models(), st.floats(1e5, 1e8), st.floats(0.1, 30.0), st.booleans())
def test_a_decision_with_packets_is_never_worse_and_costs_what_it_says(model, bps, rate_hz, zstd):
    graph, edge_s, packets = model
    sizes = tuple(float(layer.output_bytes) for layer in graph.layers)
    encodings = (
        EncodingCosts("raw", sizes, (0.0,) * len(sizes)),
        EncodingCosts("zstd", tuple(size / 3 for size in sizes), (1e-3,) * len(sizes)),
    )
    made, other = (
        controller(
            graph=graph, edge_s=edge_s, packets=packets, bps=bps, rate_hz=rate_hz, encodings=encodings[: 1 + zstd]
        )
        for _ in range(2)
    )
    plan, without = made.plan(0.0, packets_ready=True), other.plan(0.0)
    one, two = plan.partition, without.partition
    margin = 1.0 + 1e-9
    if plan.mode is Mode.LIGHT:
        assert without.mode is Mode.HEAVY or one.latency_s <= two.latency_s * margin
    if plan.mode is Mode.HEAVY and not plan.keeps_up:
        assert one.bottleneck_s <= two.bottleneck_s * margin
    assert plan.keeps_up or not without.keeps_up or two.bottleneck_s * rate_hz > 0.9
    names = {layer.name for layer in graph.layers}
    assert one.edge <= names
    link, decode_s = Link(bps, fixed_s=RTT_S), max(packets.decode_s, 1e-4)
    if plan.packets:
        assert one.transfer_s == pytest.approx(8.0 * max(packets.bytes_per_frame, 1.0) / bps)
        assert one.edge_s == pytest.approx(decode_s if packets.always_decodes else 0.0)
        assert one.cloud_s == pytest.approx(sum(edge_s) / 10 + max(decode_s / 10, 1e-4))
    elif one.encoding == "raw":
        direct = evaluate(graph, CostProfile(edge_s, tuple(s / 10 for s in edge_s)), link, one.edge)
        assert one.edge_s == pytest.approx(direct.edge_s + decode_s)
        assert one.transfer_s == pytest.approx(direct.transfer_s)


EVENTS = st.one_of(
    st.builds(UplinkMeasured, st.integers(1, 10**6), st.floats(1e-3, 10.0)),
    st.builds(PacketsSent, st.floats()),
    st.builds(PacketsSeen, st.floats(0.0, 1e6)),
    st.builds(PictureDecoded, st.floats()),
    st.builds(PicturesDecodedThere, st.floats()),
    st.builds(PacketsRefused, st.just("no"), st.just(value=False)),
    st.builds(HeadMeasured, st.floats(0.0, 1.0), st.floats(0.0, 1.0)),
    st.builds(TailMeasured, st.floats(0.0, 1.0), st.floats(0.0, 1.0)),
    st.builds(RateChanged, st.floats(0.1, 100.0)),
    st.builds(CutEncoded, st.sampled_from(["raw", "zstd"]), st.floats(2_000, 1e6), st.floats(1.0, 1e6)),
    st.builds(
        CloudProfiled,
        st.lists(st.floats(0.0, 1.0), min_size=5, max_size=5).map(tuple),
        st.sampled_from([{}, {"raw": (0.0,) * 5}, {"raw": (0.0,) * 5, "zstd": (1e-3,) * 5}]),
        st.booleans(),
    ),
    st.just(CloudLost("gone")),
    st.just(CloudAnswered()),
    st.just(AnswerMissed()),
)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["adaptive", "cloud_only", "chain"]),
    st.lists(st.tuples(EVENTS, st.floats(0.0, 3.0), st.booleans()), max_size=40),
    st.booleans(),
)
def test_whatever_is_observed_plans_name_the_models_layers(policy, steps, always):
    policies = {"adaptive": None, "cloud_only": CloudOnly(), "chain": Chain()}
    packets = dataclasses.replace(PACKETS, always_decodes=always)
    made = controller(policy=policies[policy], encodings=(RAW, ZSTD), packets=packets)
    now_s, last, switches = 0.0, None, 0
    for event, pause_s, ready in steps:
        now_s += pause_s
        made.observe(event, now_s)
        plan = made.plan(now_s, packets_ready=ready)
        split = plan.partition
        assert "image" in split.edge
        assert split.edge <= NAMES
        assert all(set(layer.inputs) <= split.edge for layer in GRAPH.layers if layer.name in split.edge)
        assert plan.packets == (split.encoding == "packets")
        assert not plan.packets or (ready and made.packets_usable and split.edge == {"image"})
        assert 0.0 <= plan.picture_s <= split.edge_s
        assert 0.0 <= plan.base_head_s < math.inf
        assert plan.base_cloud_s >= -1e-9
        assert 0.0 <= split.decode_s <= split.cloud_s
        changed = last is not None and last != split.edge
        switches += changed
        assert (plan.changed, plan.serial) == (changed, switches)
        last = split.edge


class TestManySplits:
    """Too many to list: two tables are made beside the frames, one job at a time."""

    BRANCHES = 18
    WIDE = LayerGraph(
        (
            Layer("image", (), 150_000),
            Layer("stem", ("image",), 40_000),
            *(Layer(f"b{i}", ("stem",), RANDOM.randint(200, 3_000)) for i in range(BRANCHES)),
            Layer("join", tuple(f"b{i}" for i in range(BRANCHES)), 400),
        ),
        ("join",),
    )
    EDGE_S = tuple(RANDOM.uniform(0.001, 0.02) if layer.inputs else 0.0 for layer in WIDE.layers)

    def controller(self, **options):
        return controller(graph=self.WIDE, edge_s=self.EDGE_S, **options)

    def work(self, made, until_s, now_s=0.0, ready=(True, False)):
        """Runs every job that is due until then, each in no time; returns them."""
        done = []
        while now_s <= until_s:
            for packets_ready in ready:
                made.plan(now_s, packets_ready=packets_ready)
                while (job := made.work_due(now_s)) is not None:
                    assert made.work_due(now_s) is None, "one at a time"
                    done.append(job)
                    made.work_ended(job, job.run(), now_s)
                    made.plan(now_s, packets_ready=packets_ready)
            now_s += 0.5
        return done

    def test_each_graph_gets_its_table_once(self):
        made = self.controller()
        jobs = self.work(made, 20.0)
        graphs = [made._sides[0].planner._graphs[i].graph for i in (False, True)]
        for graph in graphs:
            assert [type(job) for job in jobs if job.numbers.graph is graph] == [Search, Build]
        assert made.plan(20.0, packets_ready=True).packets
        assert not made.plan(20.0).packets
        assert made.state(20.0).table_splits > 2

    def test_until_then_the_frame_itself_is_compared_too(self):
        large = dataclasses.replace(PACKETS, bytes_per_frame=900_000.0)
        made = self.controller(bps=1e8, packets=large)
        plan = made.plan(0.0, packets_ready=True)
        assert (plan.packets, plan.partition.edge) == (False, {"image"})
        assert self.controller(bps=1e8).plan(0.0, packets_ready=True).packets

    def test_packets_that_cannot_be_sent_cause_no_work(self):
        made = self.controller(takes=False)
        assert [type(job) for job in self.work(made, 20.0)] == [Search, Build]

    def test_larger_packets_price_their_own_table_alone(self):
        made = self.controller()
        self.work(made, 20.0)
        for i in range(40):
            made.observe(PacketsSeen(9_500), 21.0 + i / 5)
        jobs = self.work(made, 60.0, 30.0)
        assert {type(job) for job in jobs} == {Reprice}
        assert {job.numbers.graph for job in jobs} == {made._sides[0].planner._graphs[1].graph}

    def test_a_graph_rests_after_the_work_of_the_other(self):
        """Builds take at most a quarter of the time, those of both graphs together."""
        made = self.controller()
        self.work(made, 20.0)
        made.observe(CloudProfiled(self.EDGE_S, {}, takes_packets=True), 21.0)
        builds = []
        for step in range(200):
            now_s = 21.0 + step / 2
            for ready in (True, False):
                job = self.next_job(made, now_s, ready=ready)
                if isinstance(job, Build):
                    builds.append(now_s)
                    made.work_ended(job, job.run(), now_s + 4.0)
                elif job is not None:
                    made.work_ended(job, job.run(), now_s)
        assert len(builds) == 2
        assert builds[1] - builds[0] == pytest.approx(4.0 * 4.0, abs=1.0)

    def next_job(self, made, now_s, *, ready):
        made.plan(now_s, packets_ready=ready)
        return made.work_due(now_s)


def test_packets_hold_an_input_of_the_model():
    with pytest.raises(PartitionError, match="'conv1', which is no input"):
        Controller(GRAPH, EDGE_S, packets=PacketCosts("conv1", 1.0, 1.0))
