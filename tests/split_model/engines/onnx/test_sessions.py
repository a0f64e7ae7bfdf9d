import threading

import pytest

from split_model.engines.engine import PartSpec
from split_model.engines.onnx.kept import Limits
from split_model.engines.onnx.sessions import Sessions
from split_model.errors import ModelError

_SOON_S = 10.0


class Fake:
    own_bytes = 1


def _spec(number):
    return PartSpec((f"layer{number}",))


class Builds:
    """Makes sessions, each when it is let; remembers which."""

    def __init__(self):
        self.made = []
        self.failing = set()
        self.begun = threading.Semaphore(0)
        self.let = threading.Semaphore(0)

    def __call__(self, spec):
        self.begun.release()
        assert self.let.acquire(timeout=_SOON_S)
        self.made.append(int(spec.feeds[0].removeprefix("layer")))
        if spec in self.failing:
            raise ModelError("cannot be made")
        return Fake()

    def free(self):
        for _ in range(1000):
            self.let.release()


@pytest.fixture
def builds():
    return Builds()


@pytest.fixture
def clock():
    return [0.0]


@pytest.fixture
def sessions(builds, clock):
    sessions = Sessions(builds, Limits(preferred=8, others=4), lambda: clock[0])
    yield sessions
    builds.free()
    sessions.close()


def _busy(sessions, builds):
    """Lets the thread begin with part 0 and wait there."""
    assert sessions.get(_spec(0)) is None
    assert builds.begun.acquire(timeout=_SOON_S)


def test_awaited_parts_come_first_then_preferred_ones_then_the_newest_asked_for(sessions, builds):
    _busy(sessions, builds)
    for number in (1, 2):
        sessions.get(_spec(number))
    sessions.prefer([_spec(5), _spec(4)])
    waiter = threading.Thread(target=sessions.wait, args=(_spec(9),))
    with sessions._changed:
        waiter.start()
        assert sessions._changed.wait_for(lambda: sessions._awaited[_spec(9)], _SOON_S)
    builds.free()
    assert sessions.settle(_SOON_S)
    waiter.join(_SOON_S)
    assert builds.made == [0, 9, 5, 4, 2, 1]


def test_a_missing_session_is_asked_for_and_there_later(sessions, builds):
    builds.free()
    assert sessions.get(_spec(3)) is None
    assert sessions.settle(_SOON_S)
    assert sessions.has(_spec(3))
    assert sessions.get(_spec(3)) is not None
    assert sessions.specs == {_spec(3)}


def test_of_a_flood_of_requests_the_newest_are_made(sessions, builds):
    _busy(sessions, builds)
    for number in range(100, 200):
        sessions.get(_spec(number))
    builds.free()
    assert sessions.settle(_SOON_S)
    assert builds.made == [0, *range(199, 183, -1)]
    assert len(sessions.specs) <= 8


def test_two_waiting_runs_get_one_session(sessions, builds):
    found = []
    waiters = [threading.Thread(target=lambda: found.append(sessions.wait(_spec(1)))) for _ in range(2)]
    for waiter in waiters:
        waiter.start()
    builds.free()
    for waiter in waiters:
        waiter.join(_SOON_S)
    assert len(found) == 2
    assert found[0] is found[1]
    assert builds.made == [1]


def test_a_failed_part_is_made_again_only_later(sessions, builds, clock):
    builds.free()
    builds.failing = {_spec(1)}
    with pytest.raises(ModelError, match="cannot be made"):
        sessions.wait(_spec(1))
    assert sessions.get(_spec(1)) is None
    with pytest.raises(ModelError, match="cannot be made"):
        sessions.wait(_spec(1))
    assert builds.made == [1]
    clock[0] = 61.0
    builds.failing = set()
    assert sessions.wait(_spec(1)) is not None


def test_a_preferred_part_that_fails_does_not_stop_the_others(sessions, builds):
    builds.free()
    builds.failing = {_spec(1)}
    sessions.prefer([_spec(1), _spec(2)])
    assert sessions.settle(_SOON_S)
    assert sessions.specs == {_spec(2)}


def test_the_thread_starts_with_the_first_work_and_ends_at_close(sessions, builds):
    assert sessions._thread is None
    builds.free()
    sessions.get(_spec(1))
    assert sessions.settle(_SOON_S)
    thread = sessions._thread
    assert thread.daemon
    sessions.close()
    assert not thread.is_alive()


def test_after_close_kept_sessions_are_there_and_others_are_made_at_once(sessions, builds):
    builds.free()
    kept = sessions.wait(_spec(1))
    sessions.close()
    assert sessions.get(_spec(1)) is kept
    assert sessions.get(_spec(2)) is None
    assert sessions.wait(_spec(2)) is not None
    assert not sessions.has(_spec(2))


def test_close_wakes_who_waits(sessions, builds):
    _busy(sessions, builds)
    found = []
    waiter = threading.Thread(target=lambda: found.append(sessions.wait(_spec(1))))
    with sessions._changed:
        waiter.start()
        assert sessions._changed.wait_for(lambda: sessions._awaited[_spec(1)], _SOON_S)
    builds.free()
    sessions.close()
    waiter.join(_SOON_S)
    assert len(found) == 1
