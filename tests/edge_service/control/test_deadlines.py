"""How many frames are under way, and how long an answer is awaited."""

import dataclasses
import math

import pytest

from edge_service.control import ControllerConfig, Mode, Phase
from edge_service.control.conditions import Conditions
from edge_service.control.deadlines import answer_deadline_s, frames_in_flight
from partitioner import Partition

CONFIG = ControllerConfig()
SPLIT = Partition(frozenset({"image"}), ("image",), 0.05, 0.2, 0.1, 0.02, 0.0)
CONDITIONS = Conditions(Phase.OFFLOADING, 1e6, 0.02, 1.0, 1.0, 1.0)


@pytest.mark.parametrize(("rate_hz", "offloads", "wanted"), [(1.0, True, 2), (100.0, True, 3), (1.0, False, 16)])
def test_the_slowest_stage_never_waits(rate_hz, offloads, wanted):
    assert frames_in_flight(SPLIT, rate_hz, 16, offloads=offloads) == wanted
    assert frames_in_flight(SPLIT, rate_hz, 1, offloads=offloads) == 1


@pytest.mark.parametrize(
    ("mode", "here_s", "wanted_s"),
    [
        (Mode.LIGHT, 0.55, 0.02 + 0.3 + 0.25 + 0.5),
        (Mode.HEAVY, 0.55, 0.02 + 4 * 0.2 + 0.25 + 0.5),
        (Mode.LIGHT, None, 0.02 + 0.3 + 0.25 + 2 * 0.3),
        (Mode.LIGHT, 900.0, 0.02 + 0.3 + 0.25 + CONFIG.longest_deadline_s),
    ],
    ids=["as long as finishing here takes", "frames wait for each other", "a split that is kept to", "within a limit"],
)
def test_an_answer_is_awaited(mode, here_s, wanted_s):
    assert answer_deadline_s(SPLIT, mode, 4, CONDITIONS, CONFIG, here_s) == pytest.approx(wanted_s)


def test_over_an_unknown_link_it_is_awaited_longest():
    unknown = dataclasses.replace(CONDITIONS, uplink_bps=None)
    assert answer_deadline_s(SPLIT, Mode.LIGHT, 4, unknown, CONFIG, 0.1) == CONFIG.longest_deadline_s
    assert answer_deadline_s(SPLIT, Mode.LIGHT, 4, unknown, CONFIG, None) < math.inf
