"""Copies of a controller share what never changes, and nothing else."""

import random

from bench.control_simulation.models import load
from bench.fleet.control import ControlMaker
from edge_service.control import CloudLost, Phase, RoundTripMeasured, UplinkMeasured


def made(clouds=1):
    model = load("torchvision:resnet18", 20.0)
    maker = ControlMaker(model, 0.5, clouds, 0.5)
    return model, [maker.make(random.Random(seed)) for seed in range(3)]


def connect(model, control, now_s=1.0):
    for flow in control.flows:
        flow.profiled(model.costs.cloud_s, {}, 1.0, now_s)
        flow.opened(now_s)


def test_what_one_edge_hears_the_others_do_not():
    model, (one, other, _) = made()
    for control in (one, other):
        connect(model, control)
    one.controller.observe(UplinkMeasured(1_000_000, 0.1, by_receiver=True), 1.0)
    one.controller.observe(RoundTripMeasured(0.02), 1.0)
    assert one.controller.plan(1.1).phase is Phase.OFFLOADING
    assert other.controller.plan(1.1).phase is Phase.MEASURING
    other.controller.observe(CloudLost("gone"), 1.2)
    assert one.controller.plan(1.3).phase is Phase.OFFLOADING


def test_edges_draw_their_clouds_differently():
    model = load("torchvision:resnet18", 20.0)
    maker = ControlMaker(model, 0.5, 2, 0.5)
    used = set()
    for seed in range(12):
        control = maker.make(random.Random(seed))
        connect(model, control)
        for cloud in range(2):
            control.controller.observe(UplinkMeasured(1_000_000, 0.1, by_receiver=True), 1.0, cloud)
        used.add(control.controller.plan(1.1).cloud)
    assert used == {0, 1}
