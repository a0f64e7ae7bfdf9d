"""What a slowed edge computes is waited for in proportion, decisions included."""

import pytest

from edge_service import slowing
from edge_service.control import CloudProfiled, Controller, UplinkMeasured
from edge_service.control.policies import Adaptive
from edge_service.slowing import SlowedController, stretched
from partitioner import Layer, LayerGraph

GRAPH = LayerGraph(
    (Layer("image", (), 150_000), Layer("conv", ("image",), 9_000), Layer("fc", ("conv",), 400)), ("fc",)
)
EDGE_S, CLOUD_S = (0.0, 0.1, 0.1), (0.0, 0.01, 0.01)


@pytest.mark.parametrize(("slowdown", "waited"), [(1.0, []), (8.0, [21.0])])
def test_a_function_is_stretched_by_what_it_computed(slowdown, waited):
    times, waits = iter([5.0, 8.0]), []
    assert stretched(lambda: "value", slowdown, lambda: next(times), waits.append) == "value"
    assert waits == waited


def test_an_error_is_not_waited_for():
    with pytest.raises(ZeroDivisionError):
        stretched(lambda: 1 / 0, 1e9)


def test_a_slowed_controller_waits_for_its_decisions_and_takes_the_same(monkeypatch):
    waits = []
    monkeypatch.setattr(slowing, "stretched", lambda function, slowdown: waits.append(slowdown) or function())
    slowed = SlowedController(8.0, GRAPH, EDGE_S, rate_hz=1.0, encodings=(), policy=Adaptive())
    plain = Controller(GRAPH, EDGE_S, rate_hz=1.0)
    for controller in (slowed, plain):
        controller.observe(CloudProfiled(CLOUD_S), 0.0)
        controller.observe(UplinkMeasured(250_000, 0.5), 0.0)
    assert waits == [8.0, 8.0]
    assert slowed.plan(0.0) == plain.plan(0.0)
    assert len(waits) == 3
    assert slowed.work_due(0.0) is None
    slowed.work_ended("a job of nobody", None, 0.0)
    assert len(waits) == 4
