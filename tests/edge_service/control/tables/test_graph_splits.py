"""One graph's splits: the model's, or those with a layer in front, priced by the model's own numbers."""

import dataclasses

import pytest

from edge_service.control import PacketCosts, Phase
from edge_service.control.conditions import Conditions
from edge_service.control.packets import PacketRoute
from edge_service.control.tables import GraphSplits, LiveSplits
from partitioner import CostProfile, Encoding, Layer, LayerGraph, Link, PartitionError

MODEL = LayerGraph(
    (Layer("image", (), 150_000), Layer("conv", ("image",), 9_000), Layer("fc", ("conv",), 400)), ("fc",)
)
COSTS = CostProfile((0.0, 0.3, 0.1), (0.0, 0.03, 0.01))
ZSTD = Encoding("zstd", (50_000.0, 4_000.0, 400.0), (1e-3,) * 3, (1e-3,) * 3)
LINK = Link(8e6)


PACKETS = PacketCosts("image", 8_000.0, 0.02)


def graphs(packets=PACKETS, model=MODEL, costs=COSTS):
    route = None if packets is None else PacketRoute(model, packets)
    return GraphSplits.of(model, costs, route, interval_s=2.0, tolerance=0.005, asks=True)


def test_there_is_a_second_graph_where_packets_can_be_sent():
    assert [len(each.graph) for each in graphs()] == [3, 4]
    assert [len(each.graph) for each in graphs(packets=None)] == [3]


def test_both_are_priced_by_the_models_times_and_encodings():
    plain, longer = graphs()
    for each in (plain, longer):
        each.cost(CostProfile((0.0, 0.6, 0.2), (0.0, 0.06, 0.02)))
        each.encode((Encoding.raw(MODEL), ZSTD))
    edge = frozenset({"image", "conv"})
    one = plain.splits.evaluate(edge, LINK, encoding="zstd")
    two = longer.splits.evaluate(edge | {"packets"}, LINK, encoding="zstd")
    assert (one.edge_s, one.transfer_s, one.cloud_s) == (two.edge_s, two.transfer_s, two.cloud_s)
    assert one.edge_s == pytest.approx(0.6 + 0.02 + 1e-3)
    assert longer.outward(two, 1.0) == one
    assert (plain.inward(one), longer.inward(one)) == (one, two)
    assert not longer.sends_packets(two)
    assert longer.sends_packets(longer.splits.evaluate({"packets"}, LINK))


def test_without_a_source_of_packets_the_model_is_what_it_is():
    (plain,) = graphs(packets=None)
    assert plain.splits.costs == COSTS
    split = plain.splits.evaluate({"image"}, LINK)
    assert plain.outward(split, 1.0) is split
    assert not plain.sends_packets(split)


def test_times_that_do_not_fit_are_refused():
    with pytest.raises(PartitionError):
        graphs(packets=None)[0].cost(CostProfile((0.1,), (0.1,)))


def test_an_encoding_that_is_gone_is_not_in_use_any_more():
    (plain, _) = graphs()
    plain.encode((Encoding.raw(MODEL), ZSTD))
    plain.chosen = plain.splits.evaluate({"image"}, LINK, encoding="zstd")
    plain.resize((Encoding.raw(MODEL), dataclasses.replace(ZSTD, output_bytes=(60_000.0, 4_000.0, 400.0))))
    assert plain.chosen is not None
    assert plain.splits.evaluate({"image"}, LINK, encoding="zstd").transfer_s == pytest.approx(0.06)
    plain.encode((Encoding.raw(MODEL),))
    assert plain.chosen is None
    assert (plain.knows("raw"), plain.knows("zstd")) == (True, False)


def test_a_plan_stays_with_the_split_in_use_then_and_with_its_own():
    plain, _ = graphs()
    before, chosen, other = (
        plain.splits.evaluate(edge, LINK) for edge in ({"image"}, {"image", "conv"}, plain.everything)
    )
    plain.conditions = Conditions(Phase.OFFLOADING, 8e6, 0.0, 1.0, 1.0, 1.0, used=before)
    plain.chosen = chosen
    assert [plain.stays(used) for used in (None, before, chosen, other)] == [True, True, True, False]
    plain.nothing_sent()
    assert (plain.conditions, plain.chosen) == (None, None)


def test_many_splits_are_priced_beside_the_frames():
    chains = LayerGraph(
        (
            Layer("image", (), 150_000),
            *(Layer(f"c{i}.{k}", (f"c{i}.{k - 1}" if k else "image",), 900) for i in range(3) for k in range(14)),
            Layer("join", tuple(f"c{i}.13" for i in range(3)), 400),
        ),
        ("join",),
    )
    costs = CostProfile((0.0, *(0.01 for _ in chains.layers[1:])), (0.0, *(0.001 for _ in chains.layers[1:])))
    for each in graphs(model=chains, costs=costs):
        assert isinstance(each.splits, LiveSplits)
        assert each.table_splits > 2_000
        each.cost(CostProfile(costs.edge_s, costs.edge_s))
        assert each.table_splits == 0
        job = each.work_due(0.0)
        assert each.work.busy
        assert each.work_ended(job, job.run(), 0.0)
        assert not each.work.busy
        assert each.table_splits > 0
        assert not each.work_ended(job, None, 0.0), "it has ended"
