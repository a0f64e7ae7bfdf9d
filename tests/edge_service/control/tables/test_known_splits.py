"""Known splits are priced by the definitions, whatever was priced before, and only a few are remembered."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_service.control.tables.known_splits import KnownSplits
from edge_service.control.tables.numbers import Numbers
from partitioner import CostProfile, Encoding, Layer, LayerGraph, Link, PartitionError
from partitioner.searched.searched_splits import SearchedSplits

LAYERS = 20
GRAPH = LayerGraph(
    (
        Layer("image", (), 150_000),
        *(Layer(f"b{i}", ("image",), 1_000 * (i + 1)) for i in range(LAYERS)),
        Layer("join", tuple(f"b{i}" for i in range(LAYERS)), 4_000),
    ),
    ("join", "b3"),
)
COSTS = CostProfile((0.0, *(0.01 * (i + 1) for i in range(LAYERS)), 0.1), (0.0, *(0.001,) * LAYERS, 0.01))
ZSTD = Encoding("zstd", (9e4, math.inf, *(500.0,) * LAYERS), (1e-2,) * len(GRAPH), (2e-3,) * len(GRAPH))
ENCODINGS = (Encoding.raw(GRAPH), ZSTD)
ALL = frozenset(layer.name for layer in GRAPH.layers)
RATES, LOADS = st.floats(1e3, 1e12) | st.just(math.inf), st.floats(0.1, 10.0)
SPLITS = st.frozensets(st.sampled_from([f"b{i}" for i in range(LAYERS)])).map(lambda some: some | {"image"})


@given(SPLITS | st.just(ALL), st.sampled_from(["raw", "zstd"]), RATES, RATES, LOADS, LOADS)
def test_a_price_is_the_definitions(edge, encoding, up_bps, down_bps, edge_load, cloud_load):
    known = KnownSplits(Numbers(GRAPH, COSTS, ENCODINGS))
    link = Link(up_bps, down_bps, 0.02)
    options = {"edge_load": edge_load, "cloud_load": cloud_load, "encoding": encoding}
    wanted = SearchedSplits(GRAPH, COSTS, ENCODINGS).evaluate(edge, link, **options)
    for _ in range(2):  # computed, then scaled from what was computed
        found = known.evaluate(edge, link, **options)
        assert (found.edge, found.cut, found.encoding) == (wanted.edge, wanted.cut, wanted.encoding)
        for name in ("edge_s", "transfer_s", "cloud_s", "fixed_s", "encode_s", "decode_s"):
            assert getattr(found, name) == pytest.approx(getattr(wanted, name))


def test_what_is_no_split_is_refused_each_time():
    known = KnownSplits(Numbers(GRAPH, COSTS, ENCODINGS))
    for edge, encoding in (({"join"}, "raw"), ({"image"}, "jpeg")):
        for _ in range(2):
            with pytest.raises(PartitionError):
                known.evaluate(edge, Link(1e6), edge_load=1.0, cloud_load=1.0, encoding=encoding)


def splits(known):
    return [(each.edge, each.encoding) for each in known.priced(Link(1e6), 1.0, 1.0)]


def test_the_ends_and_the_newest_splits_are_known_at_any_numbers():
    numbers = Numbers(GRAPH, COSTS, ENCODINGS)
    known = KnownSplits(numbers)
    inputs = frozenset({"image"})
    ends = {(ALL, "raw"), (inputs, "raw"), (inputs, "zstd")}
    assert set(splits(known)) == ends
    added = [(frozenset({"image", f"b{i}"}), "raw") for i in range(LAYERS)]
    for edge, _ in added:
        known.remember(known.evaluate(edge, Link(1e6), edge_load=1.0, cloud_load=1.0, encoding="raw"))
    newest = set(splits(known)) - ends
    assert newest == set(added[-len(newest) :])
    known.remember(known.evaluate(added[-8][0], Link(1e6), edge_load=1.0, cloud_load=1.0, encoding="raw"))
    assert set(splits(known.at(Numbers(GRAPH, COSTS, (ZSTD,))))) == newest | ends


def test_a_split_in_an_encoding_that_is_gone_is_passed_over_until_it_is_back():
    numbers = Numbers(GRAPH, COSTS, ENCODINGS)
    known = KnownSplits(numbers)
    split = frozenset({"image", "b1", "b2"}), "zstd"
    known.remember(known.evaluate(split[0], Link(1e6), edge_load=1.0, cloud_load=1.0, encoding="zstd"))
    assert split in splits(known)
    without = known.at(Numbers(GRAPH, COSTS, ENCODINGS[:1]))
    assert {encoding for _, encoding in splits(without)} == {"raw"}
    assert split in splits(without.at(numbers))
