import pytest

from edge_service.sources.live.held_back import HeldBack


def test_a_packet_began_to_arrive_when_the_one_before_came_out() -> None:
    held = HeldBack(10.0)
    assert [held.came_out(at_s) for at_s in (10.04, 10.08, 10.13)] == [10.0, 10.04, 10.08]
    assert not held.is_stale


def test_the_last_picture_before_a_silence_is_stale_and_the_next_is_not() -> None:
    held = HeldBack(0.0)
    for number in range(1, 20):
        held.came_out(0.04 * number)
    assert held.came_out(3.0) == pytest.approx(0.76)
    assert held.is_stale
    held.came_out(3.04)
    assert not held.is_stale


def test_a_slow_camera_is_always_late() -> None:
    held = HeldBack(0.0)
    for number in range(1, 20):
        held.came_out(2.0 * number)
        assert not held.is_stale
