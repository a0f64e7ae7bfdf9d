"""Whether packets can be sent, and what they cost with the cloud of now."""

import pytest

from edge_service.control.estimators.packet_costs import PacketCosts
from edge_service.control.packets import PacketRoute
from partitioner import CostProfile, Layer, LayerGraph, Partition, PartitionError

GRAPH = LayerGraph(
    (Layer("image", (), 150_000), Layer("conv", ("image",), 9_000), Layer("fc", ("conv",), 400)), ("fc",)
)
TWO_INPUTS = LayerGraph((Layer("mask", (), 10), Layer("image", (), 10), Layer("add", ("mask", "image"), 10)), ("add",))
MODEL = CostProfile((0.0, 0.3, 0.1), (0.0, 0.03, 0.01))
COSTS = PacketCosts("image", 8_000.0, 0.02)


def test_they_are_usable_while_the_cloud_takes_them():
    route = PacketRoute(GRAPH, COSTS)
    assert not route.usable
    route.profiled(taken=True)
    assert route.usable
    route.refused(for_ever=False)
    assert not route.usable
    route.profiled(taken=True)
    assert route.usable
    route.refused(for_ever=True)
    route.refused(for_ever=False)
    route.profiled(taken=True)
    assert not route.usable


def test_a_model_of_several_inputs_is_decoded_for_and_never_sent_packets():
    route = PacketRoute(TWO_INPUTS, COSTS)
    route.profiled(taken=True)
    assert not route.usable
    assert route.costs(CostProfile((0.0, 0.0, 0.3), (0.0,) * 3), None).edge_s == (0.0, 0.02, 0.3)


def test_the_edge_decodes_for_every_split_of_the_model():
    route = PacketRoute(GRAPH, COSTS)
    assert route.costs(MODEL, None) == CostProfile((0.02, 0.3, 0.1), MODEL.cloud_s)


def test_a_cloud_that_computes_ten_times_faster_is_expected_to_decode_so():
    route = PacketRoute(GRAPH, COSTS)
    route.compared(MODEL)
    assert route.costs(MODEL, route.layer) == CostProfile(
        (0.0, 0.02, 0.3, 0.1), (0.0, pytest.approx(0.002), 0.03, 0.01)
    )
    route.compared(CostProfile((0.0,) * 3, (0.0,) * 3))
    assert route.estimates.prices.cloud_s == pytest.approx(0.02), "nothing to compare"


@pytest.mark.parametrize(
    ("always", "packets", "seconds"), [(False, True, 0.0), (True, True, 0.06), (False, False, 0.06)]
)
def test_what_a_frame_is_decoded_for_on_the_edge(always, packets, seconds):
    route = PacketRoute(GRAPH, PacketCosts("image", 8_000.0, 0.02, always_decodes=always))
    split = Partition(frozenset({"image"}), ("image",), 0.5, 0.1, 0.1, 0.0, 0.0)
    assert route.picture_s(split, 3.0, packets=packets) == pytest.approx(seconds)


def test_packets_hold_an_input():
    with pytest.raises(PartitionError, match="no input"):
        PacketRoute(GRAPH, PacketCosts("conv", 1.0, 0.1))
