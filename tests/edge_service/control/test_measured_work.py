"""What a frame's own work tells of the machines, with the decoder's seconds apart."""

import pytest

from edge_service.control import (
    CloudProfiled,
    Controller,
    CutEncoded,
    HeadMeasured,
    PacketCosts,
    PacketsSent,
    PictureDecoded,
    PicturesDecodedThere,
    ServerTimes,
    TailMeasured,
    UplinkMeasured,
    measured_work,
)
from partitioner import Layer, LayerGraph

GRAPH = LayerGraph(
    (Layer("image", (), 150_000), Layer("conv", ("image",), 6_000), Layer("fc", ("conv",), 4_000)), ("fc",)
)


def plan(*, packets, edge_s=(0.0, 0.02, 0.5)):
    controller = Controller(GRAPH, edge_s, packets=PacketCosts("image", 10_000.0, 0.03))
    for event in (CloudProfiled((0.0, 0.01, 0.02), {}, takes_packets=True), UplinkMeasured(125_000, 1.0)):
        controller.observe(event, 0.0)
    made = controller.plan(0.0, packets_ready=packets)
    assert made.packets == packets
    return made


def test_packets_are_no_encoded_cut():
    assert measured_work.encoded(plan(packets=True), 12_000) == PacketsSent(12_000)
    assert measured_work.encoded(plan(packets=False), 6_100) == CutEncoded("raw", 0.0, 6_100)


def test_a_head_is_its_layers_and_what_decoding_took():
    made = plan(packets=False)
    assert made.partition.cut == ("conv",)
    told = list(measured_work.head_ran(made, 0.13, 0.09))
    assert told == [PictureDecoded(0.09), HeadMeasured(pytest.approx(0.02), pytest.approx(0.04))]


def test_a_picture_that_was_decoded_before_is_no_sample():
    assert list(measured_work.head_ran(plan(packets=False), 0.04, 0.0)) == [HeadMeasured(pytest.approx(0.02), 0.04)]


def test_a_head_without_layers_tells_nothing_of_the_load():
    assert list(measured_work.head_ran(plan(packets=True), 1e-3, 0.0)) == []
    assert list(measured_work.head_ran(plan(packets=True), 0.05, 0.04)) == [PictureDecoded(0.04)]


@pytest.mark.parametrize("packets", [True, False])
def test_a_tail_is_its_layers_and_tensors_that_were_decoded(packets):
    made, server = plan(packets=packets), ServerTimes(0.4, 0.0, decode_s=0.25, compute_s=0.06, load_factor=1.0)
    told = list(measured_work.tail_ran(made, server))
    if packets:
        assert told == [PicturesDecodedThere(0.25), TailMeasured(pytest.approx(0.03), 0.06)]
    else:
        assert told == [TailMeasured(pytest.approx(0.02), pytest.approx(0.31))]
