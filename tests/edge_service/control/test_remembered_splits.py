"""Known splits answer at the prices of now; what is asked is kept for a search."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_service.control.remembered_splits import Question, RememberedSplits
from partitioner import CostProfile, Encoding, Layer, LayerGraph, Link
from partitioner.searched.searched_splits import SearchedSplits

GRAPH = LayerGraph(
    (
        Layer("image", (), 150_000),
        Layer("stem", ("image",), 60_000),
        Layer("left", ("stem",), 30_000),
        Layer("right", ("stem",), 9_000),
        Layer("head", ("left", "right"), 4_000),
    ),
    ("head",),
)
COSTS = CostProfile((0.0, 0.1, 0.1, 0.1, 0.05), (0.0, 0.01, 0.01, 0.01, 0.005))
RAW = Encoding("raw", (150_000.0, 60_000.0, 30_000.0, 9_000.0, 4_000.0), (1e-3,) * 5, (0.0,) * 5)
ZSTD = Encoding("zstd", (90_000.0, math.inf, 9_000.0, 3_000.0, 4_000.0), (1e-2,) * 5, (2e-3,) * 5)
ALL = frozenset(layer.name for layer in GRAPH.layers)
LOADS = st.floats(0.1, 10.0)


def remembered():
    return RememberedSplits(SearchedSplits(GRAPH, COSTS, (RAW, ZSTD)))


@given(
    st.sampled_from([{"image"}, {"image", "stem"}, {"image", "stem", "left"}, ALL]),
    st.sampled_from(["raw", "zstd"]),
    st.floats(1e3, 1e12) | st.just(math.inf),
    st.floats(1e3, 1e12) | st.just(math.inf),
    LOADS,
    LOADS,
)
def test_a_price_is_the_definitions(edge, encoding, up_bps, down_bps, edge_load, cloud_load):
    splits, link = remembered(), Link(up_bps, down_bps, 0.02)
    options = {"edge_load": edge_load, "cloud_load": cloud_load, "encoding": encoding}
    for _ in range(2):  # computed, then scaled from what was computed
        found = splits.evaluate(frozenset(edge), link, **options)
        wanted = splits.searched.evaluate(frozenset(edge), link, **options)
        assert (found.edge, found.cut, found.encoding) == (wanted.edge, wanted.cut, wanted.encoding)
        for name in ("edge_s", "transfer_s", "cloud_s", "fixed_s", "encode_s", "decode_s"):
            assert getattr(found, name) == pytest.approx(getattr(wanted, name))


def test_at_first_it_knows_the_ends_and_then_what_was_found():
    splits, link = remembered(), Link(2.5e6, fixed_s=0.01)
    assert splits.dsl(link).edge in (ALL, {"image"})
    best = splits.searched.dsl(link)
    assert best.edge not in (ALL, {"image"})
    splits.remember(best)
    assert splits.dsl(link).edge == best.edge
    assert splits.dsl(Link(1e9)).edge == {"image"}
    assert splits.with_costs(COSTS).dsl(link).edge == best.edge


def test_what_is_sent_in_an_encoding_that_is_gone_is_forgotten():
    splits = remembered()
    splits.remember(splits.searched.evaluate(frozenset({"image", "stem", "left", "right"}), Link(1e6), encoding="zstd"))
    assert splits.with_encodings((RAW, ZSTD)).dsl(Link(1e5, fixed_s=0.0)).encoding in ("zstd", "raw")
    assert splits.with_encodings((RAW,)).decide(Link(1e5), 1.0).partition.encoding == "raw"


@pytest.mark.parametrize("bps", [1e5, 1e6, 4e6, 1e8])
@pytest.mark.parametrize("rate_hz", [0.5, 5.0, 50.0])
def test_once_the_answer_is_found_it_is_the_searchs(bps, rate_hz):
    splits, link = remembered(), Link(bps, fixed_s=0.01)
    splits.decide(link, rate_hz, edge_load=2.0)
    question = splits.question
    assert question == Question(link, rate_hz, False, 2.0, 1.0)
    wanted = splits.searched.decide(link, rate_hz, edge_load=2.0)
    splits.remember(question.answer(splits.searched))
    found = splits.decide(link, rate_hz, edge_load=2.0)
    assert found.partition.latency_s == pytest.approx(wanted.partition.latency_s)
    assert (found.mode, found.keeps_up) == (wanted.mode, wanted.keeps_up)


def test_each_question_is_kept_as_it_was_asked():
    splits, link = remembered(), Link(4e6)
    splits.dsl(link)
    assert splits.question.answer(splits.searched).latency_s == splits.searched.dsl(link).latency_s
    splits.dsh(link)
    assert splits.question.answer(splits.searched).bottleneck_s == splits.searched.dsh(link).bottleneck_s
    assert splits.dsh(link).bottleneck_s >= splits.searched.dsh(link).bottleneck_s
    assert splits.listed
    assert (splits.graph, splits.costs, splits.encodings) == (GRAPH, COSTS, (RAW, ZSTD))
