"""An answer is proven when its bound on what was minimised is near."""

import pytest

from edge_service.control.tables.question import Question
from partitioner import Link, Partition


def answer(lower_bound_s):
    """A latency of 1 s, a bottleneck of 0.5 s."""
    return Partition(frozenset({"a"}), ("a",), 0.5, 0.3, 0.2, 0.0, lower_bound_s)


@pytest.mark.parametrize(
    ("rate_hz", "lightest", "lower_bound_s", "proven"),
    [
        (None, True, 0.96, True),
        (None, True, 0.94, False),
        (None, False, 0.48, True),
        (None, False, 0.47, False),
        (1.9, False, 0.96, True),
        (1.9, False, 0.48, False),
        (2.0, False, 0.48, True),
        (2.0, False, 0.0, False),
    ],
)
def test_the_bound_is_compared_with_what_was_minimised(rate_hz, lightest, lower_bound_s, proven):
    question = Question(Link(1e6), rate_hz, lightest, 1.0, 1.0)
    assert question.proven(answer(lower_bound_s)) == proven
