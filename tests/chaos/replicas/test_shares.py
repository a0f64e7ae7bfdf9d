import math
from dataclasses import dataclass, field

import pytest

from chaos.replicas.shares import percentile, shares_of
from chaos.replicas.stand import Up


@dataclass
class Line:
    at_s: float
    record: dict = field(default_factory=dict)


def lines(outcomes, latency_s=0.25):
    """A frame a second, each submitted `latency_s` before its line was read."""
    codes = {"o": "offloaded", "e": "edge_only", "f": "local_fallback", "d": "dropped"}
    return [
        Line(at_s, {"outcome": codes[code], "latency_s": None if code == "d" else latency_s})
        for at_s, code in enumerate(outcomes)
    ]


def test_frames_count_while_any_replica_is_up():
    # Submitted at -0.25, 0.75, ... 8.75; nothing is up from 3 to 5.
    found = shares_of([lines("oooeeoefdo")], [Up(-1.0, 2.0), Up(1.0, 3.0), Up(5.0)])
    assert (found.frames, found.while_up, found.answered) == (10, 8, 4)
    assert found.share == pytest.approx(4 / 8)
    assert found.longest_alone == 3, "frames 6, 7 and 8"


def test_edges_are_alone_each_for_itself_and_latencies_are_of_all():
    found = shares_of([lines("oe", 0.1), lines("eo", 0.3)], [Up(-1.0)])
    assert (found.share, found.longest_alone) == (0.5, 1)
    assert found.latencies_s == (0.1, 0.1, 0.3, 0.3)


def test_without_frames_nothing_is_wrong():
    assert shares_of([[]], []).share == 1.0
    assert math.isnan(percentile([], 0.99))


def test_a_percentile_is_a_value_that_occurred():
    values = [float(number) for number in range(1, 101)]
    assert [percentile(values, share) for share in (0.5, 0.99, 1.0)] == [50.0, 99.0, 100.0]
    assert percentile([7.0], 0.99) == 7.0
