"""Each policy by itself: what it chooses, and what it says it needs."""

import dataclasses
import itertools
import math

import pytest

from edge_service.control import Mode, Phase
from edge_service.control.conditions import Conditions
from edge_service.control.estimators.slow_start import SlowStart
from edge_service.control.policies import (
    Adaptive,
    Chain,
    CloudOnly,
    EdgeOnly,
    Given,
    Policy,
    edge_before,
    keep_to,
    policy_named,
    policy_names,
    policy_type,
)
from edge_service.control.pricing import price
from edge_service.errors import PolicyError
from partitioner import CostProfile, Encoding, Layer, LayerGraph, Link, PartitionError, dsl, splits_of
from partitioner.reference import chain_splits

# Two inputs, of which the second comes late in the order; two branches.
GRAPH = LayerGraph(
    (
        Layer("image", (), 150_000),
        Layer("stem", ("image",), 60_000),
        Layer("left", ("stem",), 30_000),
        Layer("mask", (), 500),
        Layer("right", ("stem", "mask"), 9_000),
        Layer("head", ("left", "right"), 4_000),
    ),
    ("head",),
)
COSTS = CostProfile((0.0, 0.1, 0.1, 0.0, 0.02, 0.05), (0.0, 0.01, 0.01, 0.0, 0.09, 0.005))
SPLITS = splits_of(GRAPH, COSTS)
NAMES = [layer.name for layer in GRAPH.layers]
INPUTS = frozenset({"image", "mask"})


def conditions(bps=20e6, rate_hz=0.5, **changes):
    return dataclasses.replace(Conditions(Phase.OFFLOADING, bps, 0.02, 1.0, 1.0, rate_hz), **changes)


def prefixes():
    rest = [name for name in NAMES if name not in INPUTS]
    return [INPUTS | set(rest[:count]) for count in range(len(rest) + 1)]


@pytest.mark.parametrize(("policy", "edge"), [(EdgeOnly(), set(NAMES)), (CloudOnly(), INPUTS)])
@pytest.mark.parametrize("bps", [1e4, 1e9])
def test_the_ends_are_kept_to_whatever_the_link(policy, edge, bps):
    choice = policy.choose(SPLITS, conditions(bps))
    assert choice.partition == SPLITS.evaluate(frozenset(edge), Link(bps, fixed_s=0.02))
    assert choice.max_rate_hz == pytest.approx(1.0 / choice.partition.bottleneck_s)


@pytest.mark.parametrize("policy", [EdgeOnly(), CloudOnly(), Given(INPUTS | {"stem"})])
def test_a_split_that_is_kept_to_is_light_load_while_it_keeps_up_with_headroom(policy):
    bottleneck_s = policy.choose(SPLITS, conditions()).partition.bottleneck_s
    modes = [policy.choose(SPLITS, conditions(rate_hz=share / bottleneck_s)).mode for share in (0.89, 0.91)]
    assert modes == [Mode.LIGHT, Mode.HEAVY]


class TestChain:
    @pytest.mark.parametrize("bps", [1e5, 1e6, 4e6, 20e6, 1e9])
    @pytest.mark.parametrize("edge_load", [1.0, 3.0])
    def test_light_load_takes_the_prefix_of_the_lowest_latency(self, bps, edge_load):
        asked = conditions(bps, 1e-3, edge_load=edge_load)
        costs = CostProfile(tuple(edge_load * s for s in COSTS.edge_s), COSTS.cloud_s)
        best = min(chain_splits(GRAPH, costs, asked.link), key=lambda split: split.latency_s)
        choice = Chain().choose(SPLITS, asked)
        assert choice.partition.latency_s == pytest.approx(best.latency_s)
        assert choice.partition.edge in prefixes()
        assert choice.mode is Mode.LIGHT

    @pytest.mark.parametrize("bps", [1e5, 1e6, 4e6, 20e6, 1e9])
    @pytest.mark.parametrize("rate_hz", [3.0, 6.0, 12.0, 1e3])
    def test_heavy_load_takes_what_keeps_up_or_the_highest_throughput(self, bps, rate_hz):
        asked = conditions(bps, rate_hz)
        every = list(chain_splits(GRAPH, COSTS, asked.link))
        fast = [split for split in every if split.bottleneck_s * rate_hz < 0.9]
        choice = Chain().choose(SPLITS, asked)
        if fast:
            assert choice.partition.latency_s == pytest.approx(min(split.latency_s for split in fast))
        else:
            assert choice.partition.bottleneck_s == pytest.approx(min(split.bottleneck_s for split in every))
        assert choice.max_rate_hz == pytest.approx(1.0 / min(split.bottleneck_s for split in every))

    def test_a_better_split_that_is_no_prefix_is_not_taken(self):
        asked = conditions(10e6, 1e-3)
        assert dsl(GRAPH, COSTS, asked.link).edge not in prefixes()
        assert Chain().choose(SPLITS, asked).partition.edge in prefixes()

    def test_default_encoding_and_slow_start_are_in_the_price(self):
        raw = Encoding("raw", (math.inf, 50_000.0, 30_000.0, 500.0, 9_000.0, 4_000.0), (1e-3,) * 6, (2e-3,) * 6)
        splits = splits_of(GRAPH, COSTS, (raw,))
        asked = conditions(100e6, 0.01, slow_start=SlowStart(100e6, 0.02))
        choice = Chain().choose(splits, asked)
        finite = [price(edge, splits, asked).latency_s for edge in prefixes()]
        assert choice.partition.latency_s == pytest.approx(min(finite))

    def test_new_times_are_seen(self):
        policy = Chain()
        policy.choose(SPLITS, conditions(1e9))
        slow = SPLITS.with_costs(CostProfile(COSTS.edge_s, tuple(100.0 + s for s in COSTS.cloud_s)))
        assert policy.choose(slow, conditions(1e9)).partition.edge == set(NAMES)


class TestAdaptive:
    def test_the_best_split_is_taken_first_and_kept_while_it_wavers(self):
        policy = Adaptive()
        first = policy.choose(SPLITS, conditions())
        assert first.partition == SPLITS.decide(conditions().link, 0.5 / 0.9).partition
        for bps, rate_hz in itertools.product((19e6, 21e6), (0.45, 0.55)):
            used = policy.choose(SPLITS, conditions(bps, rate_hz, used=first.partition))
            assert used.partition.edge == first.partition.edge

    def test_a_gain_of_nothing_follows_every_break_point(self):
        used = SPLITS.decide(Link(20e6, fixed_s=0.02), 0.5).partition
        other = next(
            bps
            for bps in range(20_000_000, 100_000, -100_000)
            if SPLITS.decide(Link(bps, fixed_s=0.02), 0.5 / 0.9).partition.edge != used.edge
        )
        assert Adaptive(0.0).choose(SPLITS, conditions(other, used=used)).partition.edge != used.edge
        assert Adaptive(0.1).choose(SPLITS, conditions(other, used=used)).partition.edge == used.edge

    @pytest.mark.parametrize("on_the_edge", [False, True])
    def test_out_of_slow_start_a_split_that_sends_little_is_found_though_nothing_is_sent_now(self, on_the_edge):
        layers = (Layer("image", (), 600_000), Layer("stem", ("image",), 20_000), Layer("head", ("stem",), 4_000))
        costs = CostProfile((0.0, 0.1, 0.4), (0.0, 0.005, 0.02))
        splits = splits_of(LayerGraph(layers, ("head",)), costs)
        asked = conditions(100e6, 0.02, fixed_s=0.1, slow_start=SlowStart(100e6, 0.1))
        assert splits.dsl(asked.link).cut == ("image",), "the best, were the window open"
        edge_only = splits.evaluate(frozenset({"image", "stem", "head"}), asked.link)
        used = edge_only if on_the_edge else None
        assert Adaptive().choose(splits, dataclasses.replace(asked, used=used)).partition.cut == ("stem",)

    def test_while_an_upload_is_late_the_edge_takes_over(self):
        used = SPLITS.decide(Link(20e6, fixed_s=0.02), 0.5).partition
        late = conditions(used=used, stalled_s=2.0)
        assert Adaptive().choose(SPLITS, late).partition.edge == set(NAMES)
        assert Adaptive().choose(SPLITS, dataclasses.replace(late, mode=Mode.HEAVY)).partition.edge == used.edge


class TestGiven:
    @pytest.mark.parametrize("edge", [*prefixes()[:-1], INPUTS | {"stem", "right"}, INPUTS | {"stem", "left"}])
    def test_a_cut_names_its_split(self, edge):
        cut = SPLITS.evaluate(frozenset(edge), Link(1e6)).cut
        assert edge_before(GRAPH, cut) == edge
        assert edge_before(GRAPH, cut[::-1]) == edge
        name = f"given:{','.join(cut)}"
        policy = policy_named(name, GRAPH)
        assert policy.name == name
        assert policy.choose(SPLITS, conditions()).partition.edge == edge

    @pytest.mark.parametrize(
        ("cut", "said"),
        [
            (["conv"], "'conv' is not a layer of the model"),
            (["left"], "no split has the cut left: .* the cut is stem,left,mask"),
            (["stem", "left"], "the cut is stem,left,mask"),
            (["left", "right", "stem"], "the cut is left,right"),
            (["head"], "the cloud has nothing to do, as by edge_only"),
        ],
    )
    def test_what_is_no_cut_is_refused_with_the_nearest(self, cut, said):
        with pytest.raises(PolicyError, match=said):
            edge_before(GRAPH, cut)

    def test_layers_are_named_by_their_places_too(self):
        places = {name: f"net.{name}" for name in NAMES} | {"head": "left"}
        named = policy_named("given:net.stem,mask", GRAPH, places)
        plain = policy_named("given:stem,mask", GRAPH)
        assert (named.name, named._edge) == ("given:net.stem,mask", plain._edge)
        with pytest.raises(PolicyError, match=r"'left' names two layers: net.left and, on the wire, head"):
            policy_named("given:left,right", GRAPH, places)

    def test_a_set_that_is_not_closed_is_refused(self):
        with pytest.raises(PartitionError, match="not closed"):
            Given(INPUTS | {"left"}).choose(SPLITS, conditions())


class TestWhatCannotBeSent:
    """`stem` alone is too large for a message, `left` and `right` together, and `image` for a smaller limit."""

    GRAPH = LayerGraph(
        tuple(dataclasses.replace(layer, sendable=layer.name != "stem") for layer in GRAPH.layers), ("head",), 35_000
    )
    SPLITS = splits_of(GRAPH, COSTS)

    @pytest.mark.parametrize(
        ("name", "said"),
        [
            ("cloud_only", "cloud_only: the split sends more than a message holds: 'image' alone is 150000 bytes"),
            ("given:stem,mask", "given:stem,mask: the split sends more than a message holds: 'stem' alone is 60000"),
            ("given:left,right", "given:left,right: the split sends more than a message holds: 'left' alone is 30000"),
        ],
    )
    def test_a_fixed_split_is_refused_at_the_start(self, name, said):
        with pytest.raises(PolicyError, match=said):
            policy_named(name, self.GRAPH)
        policy_named(name, GRAPH)

    def test_an_output_that_cannot_return_is_too(self):
        output = dataclasses.replace(GRAPH.layers[-1], sendable=False)
        with pytest.raises(PolicyError, match="the split gets back more than a message holds: 'head' alone is 4000 by"):
            policy_named("cloud_only", LayerGraph((*GRAPH.layers[:-1], output), ("head",)))

    @pytest.mark.parametrize("policy", [Adaptive(), Chain()])
    @pytest.mark.parametrize("bps", [1e4, 1e6, 1e9, 1e12])
    @pytest.mark.parametrize("slow_start", [None, SlowStart(14_600.0, 0.02)])
    def test_the_others_never_choose_it(self, policy, bps, slow_start):
        fast = conditions(bps, slow_start=slow_start)
        chosen = policy.choose(self.SPLITS, fast).partition
        assert chosen.edge == set(NAMES), "nothing else is left here"
        assert math.isfinite(chosen.latency_s)
        used = price(INPUTS, self.SPLITS, fast)
        assert math.isinf(used.transfer_s)
        again = policy.choose(self.SPLITS, dataclasses.replace(fast, used=used)).partition
        assert again.edge == set(NAMES)


class TestNames:
    def test_every_policy_has_its_name(self):
        for name in ("adaptive", "edge_only", "cloud_only", "chain"):
            assert policy_named(name, GRAPH).name == name

    @pytest.mark.parametrize("name", ["best", "", "given", "given:", "given:a,", "Adaptive"])
    def test_others_are_refused(self, name):
        with pytest.raises(PolicyError, match="expected one of adaptive, edge_only, cloud_only, chain, given:LAYER"):
            policy_type(name)

    @pytest.mark.parametrize(
        ("text", "names"),
        [
            ("chain", ["chain"]),
            ("edge_only,cloud_only,edge_only", ["edge_only", "cloud_only"]),
            ("given:left,right,chain,given:stem", ["given:left,right", "chain", "given:stem"]),
        ],
    )
    def test_a_list_is_split_at_commas_but_for_the_layers_of_a_cut(self, text, names):
        assert list(policy_names(text)) == names

    @pytest.mark.parametrize("text", ["", "chain,", "chain,best", "given:,chain"])
    def test_a_list_with_what_is_no_policy_is_refused(self, text):
        with pytest.raises(PolicyError, match="is no policy: expected one of"):
            policy_names(text)


def test_what_a_policy_of_ones_own_gets_without_saying_so():
    class Mine(Policy):
        name = "mine"

        def choose(self, splits, conditions):
            return EdgeOnly().choose(splits, conditions)

    mine = Mine()
    assert (mine.uses_cloud, mine.needs_uplink, mine.keeps_to_split, mine.asked_always) == (True, True, False, False)


class TestPackets:
    """The graph has a layer in front of the only input, which stands for the packets that hold it."""

    CHAIN = LayerGraph(
        (Layer("packets", (), 8_000), Layer("image", ("packets",), 150_000), Layer("fc", ("image",), 4_000)), ("fc",)
    )
    SPLITS = splits_of(CHAIN, CostProfile((0.0, 0.03, 0.5), (0.0, 0.01, 0.05)))

    def conditions(self, **changes):
        return conditions(packets=True, **changes)

    def test_a_split_need_not_name_the_layer(self):
        for edge in ({"image"}, {"packets", "image"}):
            assert keep_to(frozenset(edge), self.SPLITS, self.conditions()).partition.edge == {"packets", "image"}
        assert Given(frozenset({"image"})).choose(self.SPLITS, self.conditions()).partition.cut == ("image",)
        with pytest.raises(PartitionError, match="lacks 'packets'"):
            keep_to(frozenset({"image"}), self.SPLITS, conditions())

    @pytest.mark.parametrize(("bps", "cut"), [(1e6, "packets"), (1e9, "image")])
    def test_cloud_only_takes_the_cheaper_of_the_two(self, bps, cut):
        slow_cloud = self.SPLITS.with_costs(CostProfile((0.0, 0.03, 0.5), (0.0, 0.3, 0.05)))
        assert CloudOnly().choose(slow_cloud, self.conditions(bps=bps)).partition.cut == (cut,)

    def test_cloud_only_keeps_to_what_is_about_as_good(self):
        about = self.SPLITS.with_costs(CostProfile((0.0, 0.03, 0.5), (0.0, 0.031, 0.05)))
        for edge in ({"packets"}, {"packets", "image"}):
            used = about.evaluate(edge, Link(1e9, fixed_s=0.02))
            assert CloudOnly().choose(about, self.conditions(bps=1e9, used=used)).partition.edge == edge

    def test_a_chain_knows_both_graphs(self):
        chain, plain = Chain(), splits_of(GRAPH, COSTS)
        for _ in range(2):
            assert chain.choose(self.SPLITS, self.conditions()).partition.cut == ("packets",)
            assert chain.choose(plain, conditions()).partition.edge >= INPUTS
