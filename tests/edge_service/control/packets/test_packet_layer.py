"""The graph with a layer in front: its splits cost what sending packets, or the model's own splits, cost."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_service.control.estimators.packet_costs import PacketPrices
from edge_service.control.packets import PacketLayer
from partitioner import CostProfile, Encoding, Layer, LayerGraph, Link, PartitionError, SplitTable, evaluate

GRAPH = LayerGraph(
    (
        Layer("image", (), 150_000),
        Layer("stem", ("image",), 60_000),
        Layer("left", ("stem",), 30_000),
        Layer("right", ("stem", "image"), 9_000),
        Layer("head", ("left", "right"), 4_000),
    ),
    ("head",),
)
PRICES = PacketPrices(bytes=8_400.0, edge_s=0.03, cloud_s=0.004)
SECONDS = st.lists(st.floats(0.0, 1.0), min_size=5, max_size=5).map(tuple)
SPLITS = [
    {"image"},
    {"image", "stem"},
    {"image", "stem", "right"},
    {"image", "stem", "left", "right"},
    {layer.name for layer in GRAPH.layers},
]


def layer(graph=GRAPH):
    return PacketLayer.of(graph, "image", 8_400.0)


def test_the_model_comes_after_it():
    made = layer()
    assert [each.name for each in made.graph.layers] == ["packets", "image", "stem", "left", "right", "head"]
    assert made.graph.layers[1].inputs == ("packets",)
    assert made.graph.layers[2:] == GRAPH.layers[1:]
    assert made.graph.outputs == GRAPH.outputs


def test_its_name_is_not_one_of_the_models():
    taken = LayerGraph(
        (Layer("image", (), 9), Layer("packets", ("image",), 9), Layer("packets_1", ("packets",), 9)), ("packets_1",)
    )
    assert layer(taken).name == "packets_2"


@pytest.mark.parametrize(
    "graph",
    [
        LayerGraph((Layer("image", (), 9),), ("image",)),
        LayerGraph((Layer("image", (), 9), Layer("mask", (), 9), Layer("add", ("image", "mask"), 9)), ("add",)),
        LayerGraph((Layer("image", (), 9), Layer("conv", ("image",), 9)), ("conv", "image")),
    ],
    ids=["nothing but an input", "two inputs", "an input that is returned"],
)
def test_some_models_have_none(graph):
    assert layer(graph) is None


def test_packets_hold_an_input():
    with pytest.raises(PartitionError, match=r"'stem', which is no input of the model; its inputs are \['image'\]"):
        PacketLayer.of(GRAPH, "stem", 1.0)


@given(SECONDS, SECONDS, st.floats(1e4, 1e9), st.floats(0.1, 10.0), st.floats(0.1, 10.0), st.booleans())
def test_every_split_costs_what_it_costs_in_the_model_and_decoding(edge_s, cloud_s, bps, edge_load, cloud_load, always):
    made, model, link = layer(), CostProfile(edge_s, cloud_s), Link(bps, fixed_s=0.02)
    raw = Encoding.raw(GRAPH)
    half = Encoding("half", tuple(size / 2 for size in raw.output_bytes), (1e-3,) * 5, (2e-3,) * 5)
    table = SplitTable(
        made.graph,
        made.costs(model, PRICES, always_decodes=always),
        encodings=made.encodings((half, raw), PRICES),
    )
    decode_s = PRICES.edge_s * edge_load
    loaded = CostProfile(tuple(s * edge_load for s in edge_s), tuple(s * cloud_load for s in cloud_s))
    loaded_half = Encoding(
        "half",
        half.output_bytes,
        tuple(s * edge_load for s in half.encode_s),
        tuple(s * cloud_load for s in half.decode_s),
    )
    for edge in SPLITS:
        for encoding in (raw, loaded_half):
            found = table.evaluate(
                edge | {"packets"}, link, edge_load=edge_load, cloud_load=cloud_load, encoding=encoding.name
            )
            wanted = evaluate(GRAPH, loaded, link, edge, encoding)
            shown = made.outward(found, PRICES, cloud_load)
            assert (shown.edge, shown.cut, shown.encoding) == (wanted.edge, wanted.cut, wanted.encoding)
            assert shown.edge_s == pytest.approx(wanted.edge_s + decode_s)
            assert shown.cloud_s == pytest.approx(wanted.cloud_s)
            assert shown.transfer_s == pytest.approx(wanted.transfer_s)
            assert made.inward(shown) == found
            assert not made.sends_packets(found)
    packets = table.evaluate({"packets"}, link, edge_load=edge_load, cloud_load=cloud_load)
    assert made.sends_packets(packets)
    assert packets.edge_s == pytest.approx(decode_s if always else 0.0)
    assert packets.transfer_s == pytest.approx(8.0 * 8_400 / bps)
    assert packets.cloud_s == pytest.approx(cloud_load * (sum(cloud_s) + PRICES.cloud_s))
    shown = made.outward(packets, PRICES, cloud_load)
    assert (shown.edge, shown.cut, shown.encoding) == ({"image"}, ("image",), "packets")
    assert shown.decode_s == pytest.approx(PRICES.cloud_s * cloud_load)
    assert shown.latency_s == packets.latency_s
    assert table.evaluate({"packets"}, link, encoding="half").transfer_s == math.inf, "sent in one way alone"


def test_without_raw_the_first_encoding_sends_them():
    made = layer()
    zstd, half = (Encoding(name, (9.0,) * 5, (0.0,) * 5, (0.0,) * 5) for name in ("zstd", "half"))
    assert [each.output_bytes[0] for each in made.encodings((zstd, half), PRICES)] == [8_400.0, math.inf]


def test_the_models_own_raw_encoding():
    assert layer().raw == Encoding.raw(GRAPH)
