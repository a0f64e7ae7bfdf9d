from dataclasses import dataclass

from split_model.engines.engine import PartSpec
from split_model.engines.onnx.kept import Kept, Limits


@dataclass
class Fake:
    own_bytes: int = 1


def _spec(number):
    return PartSpec((f"layer{number}",))


def _put(kept, numbers, size=1):
    for number in numbers:
        kept.put(_spec(number), Fake(size))


def _numbers(kept):
    return {int(spec.feeds[0].removeprefix("layer")) for spec in kept.specs}


def test_a_flood_evicts_neither_preferred_parts_nor_used_ones():
    kept = Kept(Limits(preferred=4, others=3))
    kept.prefer([_spec(0), _spec(1)])
    _put(kept, range(3))
    assert kept.get(_spec(2)) is not None
    _put(kept, range(100, 200))
    assert _numbers(kept) == {0, 1, 2, 197, 198, 199}


def test_used_parts_give_way_to_parts_used_later():
    kept = Kept(Limits(others=2))
    for number in range(5):
        _put(kept, [number])
        kept.get(_spec(number))
    assert {3, 4} <= _numbers(kept)
    assert len(_numbers(kept)) <= 4


def test_bytes_are_bounded_but_one_session_is_kept_whatever_its_size():
    kept = Kept(Limits(others=10, others_bytes=100))
    _put(kept, range(5), 40)
    assert _numbers(kept) == {3, 4}
    _put(kept, [9], 1000)
    assert _numbers(kept) == {9}


def test_preferred_sessions_beyond_the_limit_are_as_others():
    for limits in (Limits(preferred=2, others=1), Limits(preferred_bytes=20, others=1)):
        kept = Kept(limits)
        kept.prefer(map(_spec, range(4)))
        _put(kept, range(2), 10)
        assert not kept.full
        _put(kept, [2, 3], 10)
        assert kept.full
        assert _numbers(kept) == {0, 1, 3}


def test_other_preferences_let_the_earlier_ones_go():
    kept = Kept(Limits(others=1))
    kept.prefer(map(_spec, range(3)))
    _put(kept, range(3))
    kept.prefer([_spec(2), _spec(7)])
    assert 2 in _numbers(kept)
    assert len(_numbers(kept)) == 2
    _put(kept, range(50, 60))
    assert 2 in _numbers(kept)


def test_a_session_that_is_there_already_becomes_preferred():
    kept = Kept(Limits(others=1))
    _put(kept, [5])
    kept.prefer([_spec(5)])
    _put(kept, range(50, 60))
    assert kept.get(_spec(5)) is not None
    assert len(kept.specs) == 2
