"""Turns are short while anyone needs that, and as before once nobody does."""

import sys
from contextlib import ExitStack

import pytest

from edge_service.pipeline.turns import short_turns


@pytest.fixture
def before_s():
    before_s = sys.getswitchinterval()
    yield before_s
    sys.setswitchinterval(before_s)


def test_the_last_one_to_leave_sets_them_back(before_s):
    with ExitStack() as first, ExitStack() as second:
        first.enter_context(short_turns())
        second.enter_context(short_turns())
        assert sys.getswitchinterval() == pytest.approx(0.001)
        first.close()
        assert sys.getswitchinterval() == pytest.approx(0.001)
        second.close()
        assert sys.getswitchinterval() == pytest.approx(before_s)


def test_they_are_set_back_after_an_error(before_s):
    with pytest.raises(ZeroDivisionError), short_turns():
        _ = 1 / 0
    assert sys.getswitchinterval() == pytest.approx(before_s)


def test_turns_that_are_shorter_already_stay(before_s):
    sys.setswitchinterval(before_s / 20)
    shorter_s = sys.getswitchinterval()
    assert shorter_s < before_s
    with short_turns():
        assert sys.getswitchinterval() == shorter_s
    assert sys.getswitchinterval() == shorter_s
