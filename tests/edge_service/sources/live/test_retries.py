import pytest

from edge_service.sources.live.retries import Retries


def waits(retries: Retries, attempts: int, took_s: float, *, login_refused: bool = False) -> list[float]:
    found, now_s = [], 0.0
    for _ in range(attempts):
        retries.attempt(now_s)
        now_s += took_s
        wait_s = retries.wait_s(now_s, login_refused=login_refused)
        assert wait_s is not None
        found.append(wait_s)
        now_s += wait_s
    return found


def test_waits_double_up_to_a_second() -> None:
    assert waits(Retries(0), 6, 0.0) == pytest.approx([0.1, 0.2, 0.4, 0.8, 1, 1])


def test_attempts_that_take_long_are_repeated_at_once() -> None:
    assert waits(Retries(0), 5, 2.0) == pytest.approx([0.1, 0, 0, 0, 0])


def test_a_camera_that_refuses_a_password_is_asked_less_and_less() -> None:
    assert max(waits(Retries(0), 12, 0.0, login_refused=True)) == 30


def test_a_picture_begins_anew_and_is_waited_after() -> None:
    retries = Retries(0)
    waits(retries, 5, 0.0)
    retries.attempt(10)
    retries.arrived(12)
    assert retries.wait_s(100) == pytest.approx(0.1)


def test_it_gives_up_after_a_time_without_pictures() -> None:
    retries = Retries(0, give_up_after_s=5)
    retries.attempt(1)
    retries.arrived(3)
    assert retries.wait_s(7.99) == pytest.approx(0.01), "not later than the limit"
    assert retries.wait_s(8) is None
