"""A model with too many splits to list is decided by a table, which is made beside the frames."""

import dataclasses
import random

import pytest

from edge_service.control import (
    CloudLost,
    CloudProfiled,
    Controller,
    ControllerConfig,
    CutEncoded,
    EncodingCosts,
    HeadMeasured,
    RateChanged,
    RoundTripMeasured,
    UplinkMeasured,
)
from edge_service.control.policies import Chain, CloudOnly, EdgeOnly
from edge_service.control.tables import Build, Reprice, Search
from partitioner import CostProfile, Layer, LayerGraph, Link, SplitTable
from partitioner.searched.searched_splits import SearchedSplits

BRANCHES = 22
RANDOM = random.Random(4)
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
CLOUD_S = tuple(seconds / 8 for seconds in EDGE_S)
SLOW_S = tuple(seconds * 4 for seconds in EDGE_S)
ALL = frozenset(layer.name for layer in WIDE.layers)
RAW, ZSTD = (
    EncodingCosts(
        name, tuple(share * layer.output_bytes for layer in WIDE.layers), tuple(encode_s for _ in WIDE.layers)
    )
    for name, share, encode_s in (("raw", 1.0, 0.0), ("zstd", 0.5, 1e-3))
)
DECODE_S = {name: (0.0,) * len(WIDE) for name in ("raw", "zstd")}


def controller(*, encodings=(), rate_hz=0.5, policy=None, graph=WIDE, edge_s=EDGE_S, cloud_s=CLOUD_S):
    made = Controller(graph, edge_s, ControllerConfig(), rate_hz, encodings, policy)
    decode_s = {encoding.name: (0.0,) * len(graph) for encoding in encodings}
    for event in (CloudProfiled(cloud_s, decode_s), RoundTripMeasured(0.02), UplinkMeasured(250_000, 0.5)):
        made.observe(event, 0.0)
    return made


def begin(made, now_s):
    made.plan(now_s)
    return made.work_due(now_s)


def finish(made, job, now_s):
    made.work_ended(job, job.run(), now_s)


def work(made, until_s, now_s=0.0):
    """Runs every job that is due until then, each in no time; returns their types."""
    done = []
    while now_s <= until_s:
        while (job := begin(made, now_s)) is not None:
            done.append(type(job))
            finish(made, job, now_s)
        now_s += 0.5
    return done


def test_a_search_helps_at_once_and_a_table_is_built_once():
    made = controller()
    assert made.state(0.0).table_splits == 0
    assert work(made, 30.0) == [Search, Build]
    assert made.state(30.0).table_splits > 2


@pytest.mark.parametrize("rate_hz", [0.5, 6.0, 20.0])
def test_with_a_table_each_plan_is_the_best_but_for_hysteresis_and_without_a_search(monkeypatch, rate_hz):
    made = controller(rate_hz=rate_hz)
    work(made, 0.0)
    searched = SearchedSplits(WIDE, CostProfile(EDGE_S, CLOUD_S))
    rates_bps = (5e5, 2e6, 8e6, 3e7)
    wanted = [searched.decide(Link(bps, fixed_s=0.02), rate_hz / 0.9).partition for bps in rates_bps]
    for question in ("dsl", "dsh", "decide"):
        monkeypatch.setattr(SearchedSplits, question, None)
    for i, (bps, best) in enumerate(zip(rates_bps, wanted, strict=True)):
        for k in range(40):
            made.observe(UplinkMeasured(round(bps / 8), 1.0), 10.0 * i + k / 10)
        used = made.plan(10.0 * i + 5).partition
        if best.bottleneck_s * rate_hz < 0.9:
            assert used.latency_s <= 1.12 * best.latency_s
        else:
            assert used.bottleneck_s <= 1.12 * best.bottleneck_s
    assert made.state(50.0).decisions > len(rates_bps)


def test_other_loads_need_no_other_table():
    made = controller()
    work(made, 0.0)
    before = made.state(0.0).decisions
    for i in range(1, 40):
        made.observe(HeadMeasured(0.1, 0.1 * 1.1**i), i / 2)
        made.observe(RateChanged(0.5 + i / 100), i / 2)
        assert begin(made, i / 2) is None
    assert made.state(20.0).decisions >= before + 30


def test_new_times_price_the_table_at_once_and_build_it_once_rested():
    made = controller()
    work(made, 0.0)
    made.observe(CloudProfiled(SLOW_S), 1.0)
    reprice = begin(made, 1.0)
    assert isinstance(reprice, Reprice)
    assert made.state(1.0).table_splits == 0, "a table at old prices does not answer"
    finish(made, reprice, 1.1)
    build = begin(made, 1.2)
    assert isinstance(build, Build)
    assert made.state(1.2).table_splits > 0
    made.work_ended(build, build.run(), 5.2)
    made.observe(CloudProfiled(CLOUD_S), 6.0)
    assert work(made, 17.0, 6.0) == [Reprice], "three times as long as the last build"
    assert work(made, 17.5, 17.5) == [Build]


def test_times_that_change_while_a_table_is_built():
    made = controller()
    finish(made, begin(made, 0.0), 0.0)
    build = begin(made, 0.0)
    made.observe(CloudProfiled(SLOW_S), 1.0)
    assert begin(made, 1.0) is None, "one job at a time"
    finish(made, build, 2.0)
    assert work(made, 60.0, 2.0) == [Reprice, Build]
    costs = CostProfile(EDGE_S, SLOW_S)
    wanted = SearchedSplits(WIDE, costs).dsl(Link(4e6, fixed_s=0.02))
    assert made.plan(60.0).partition.latency_s == pytest.approx(wanted.latency_s, rel=0.11)


def test_encodings_that_are_gone_while_a_table_is_built_are_not_used():
    made = controller(encodings=(RAW, ZSTD))
    finish(made, begin(made, 0.0), 0.0)
    build = begin(made, 0.0)
    made.observe(CloudProfiled(CLOUD_S, {"raw": DECODE_S["raw"]}), 1.0)
    assert made.plan(1.0).partition.encoding == "raw"
    finish(made, build, 2.0)
    assert made.plan(2.0).partition.encoding == "raw"
    assert work(made, 60.0, 2.0) == [Reprice, Build]
    for i in range(40):
        made.observe(UplinkMeasured(2_000, 1.0), 61.0 + i / 10)
        assert made.plan(61.0 + i / 10).partition.encoding == "raw"


def drift(made, ratio, now_s):
    for _ in range(40):
        made.observe(CutEncoded("zstd", 10_000, round(10_000 * ratio)), now_s)


def test_sizes_that_drift_a_little_only_price_the_table_anew():
    made = controller(encodings=(RAW, ZSTD))
    assert work(made, 30.0) == [Search, Build]
    drift(made, 1.15, 31.0)
    assert set(work(made, 60.0, 31.0)) == {Reprice}
    drift(made, 2.0, 61.0)
    done = work(made, 90.0, 61.0)
    assert done[-1] is Build
    assert done.count(Build) == 1


def test_while_the_cloud_is_lost_nothing_is_built_and_what_was_begun_is_kept():
    made = controller()
    finish(made, begin(made, 0.0), 0.0)
    build = begin(made, 0.0)
    made.observe(CloudLost("reset"), 1.0)
    assert begin(made, 1.0) is None
    finish(made, build, 2.0)
    plan = made.plan(2.0)
    assert plan.partition.edge == ALL
    assert made.state(2.0).table_splits > 0
    made.observe(CloudProfiled(CLOUD_S), 3.0)
    made.observe(UplinkMeasured(250_000, 0.5), 3.0)
    assert begin(made, 3.0) is None
    assert made.plan(3.0).partition.edge != ALL


def test_a_build_that_fails_is_tried_again_for_other_times_and_searches_go_on():
    made = controller(encodings=(RAW, ZSTD))
    finish(made, begin(made, 0.0), 0.0)
    made.work_ended(begin(made, 0.0), None, 1.0)
    made.observe(RateChanged(0.8), 9.0)
    search = begin(made, 9.0)
    assert isinstance(search, Search)
    finish(made, search, 9.0)
    drift(made, 1.15, 10.0)
    assert Build not in work(made, 60.0, 10.0)
    made.observe(CloudProfiled(SLOW_S, DECODE_S), 61.0)
    assert Build in work(made, 90.0, 61.0)


def test_a_table_of_nobody_is_ignored():
    made, other = controller(), controller()
    finish(other, begin(other, 0.0), 0.0)
    build = begin(other, 0.0)
    made.plan(0.0)
    finish(made, build, 1.0)
    assert made.state(1.0).table_splits == 0


def test_an_answer_that_is_not_proven_is_searched_for_beside_the_frames():
    made = controller(rate_hz=6.0)
    finish(made, begin(made, 0.0), 0.0)
    build = begin(made, 0.0)
    table = build.run()

    class Loose:
        """Proves nothing."""

        def decide(self, *args, **loads):
            decision = table.decide(*args, **loads)
            return dataclasses.replace(decision, partition=dataclasses.replace(decision.partition, lower_bound_s=0.0))

    made.work_ended(build, Loose(), 0.0)
    assert begin(made, 0.0) is None, "that question was searched for"
    made.observe(RateChanged(7.0), 1.0)
    before = made.plan(1.0).partition
    search = made.work_due(1.0)
    assert isinstance(search, Search)
    assert search.question.rate_hz == pytest.approx(7.0 / 0.9)
    assert made.plan(1.5).partition == before
    finish(made, search, 2.0)
    assert made.plan(2.0).partition.bottleneck_s <= before.bottleneck_s * (1 + 1e-9)


@pytest.mark.parametrize("policy", [EdgeOnly(), CloudOnly(), Chain()])
def test_nothing_is_built_for_a_policy_that_asks_nothing(policy):
    assert work(controller(policy=policy), 5.0) == []


class TestLargeTables:
    """Three chains of 14 layers have 3,375 closed sets: they are listed, and priced beside the frames."""

    CHAINS = LayerGraph(
        (
            Layer("image", (), 150_000),
            *(
                Layer(f"c{i}.{k}", (f"c{i}.{k - 1}" if k else "image",), RANDOM.randint(500, 20_000))
                for i in range(3)
                for k in range(14)
            ),
            Layer("join", tuple(f"c{i}.13" for i in range(3)), 400),
        ),
        ("join",),
    )
    EDGE_S = tuple(RANDOM.uniform(0.001, 0.02) if layer.inputs else 0.0 for layer in CHAINS.layers)
    CLOUD_S = tuple(seconds / 8 for seconds in EDGE_S)

    def test_are_priced_as_soon_as_the_cloud_is_known_unless_the_policy_asks_nothing(self):
        made = controller(graph=self.CHAINS, edge_s=self.EDGE_S, cloud_s=self.CLOUD_S)
        job = made.work_due(0.0)
        assert isinstance(job, Reprice)
        finish(made, job, 0.0)
        assert made.state(0.0).table_splits > 0
        for policy in (CloudOnly(), EdgeOnly()):
            other = controller(graph=self.CHAINS, edge_s=self.EDGE_S, cloud_s=self.CLOUD_S, policy=policy)
            assert other.work_due(0.0) is None

    def test_are_priced_beside_the_frames_and_never_built_or_searched(self):
        made = controller(graph=self.CHAINS, edge_s=self.EDGE_S, cloud_s=self.CLOUD_S)
        assert work(made, 10.0) == [Reprice]
        table = SplitTable(self.CHAINS, CostProfile(self.EDGE_S, self.CLOUD_S))
        assert made.state(10.0).table_splits == len(table)
        wanted = table.dsl(Link(4e6, fixed_s=0.02))
        assert made.plan(10.0).partition.latency_s == pytest.approx(wanted.latency_s, rel=0.11)
        made.observe(CloudProfiled(tuple(2.0 * seconds for seconds in self.CLOUD_S)), 11.0)
        assert work(made, 20.0, 11.0) == [Reprice]
