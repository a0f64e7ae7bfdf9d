import threading

from dads.live.view import KEPT
from edge_service import Outcome

LIMIT_S = 60.0


def test_it_keeps_the_last_frames_and_counts_all(live):
    view = live.view()
    for _ in range(KEPT + 5):
        live.told(view)
    now = view.snapshot()
    assert now.version == KEPT + 5
    assert [record["frame"] for record in now.records] == list(range(5, KEPT + 5))
    assert now.outcomes == {"offloaded": KEPT + 5}


def test_a_frame_that_never_started_leaves_the_split_alone(live):
    view = live.view()
    live.told(view)
    before = view.snapshot()
    live.told(view, None, Outcome.DROPPED)
    after = view.snapshot()
    assert after.partition is before.partition is not None
    assert after.max_rate_hz == 12.0


def test_waiting_ends_with_news(live):
    view = live.view()
    assert not view.wait(0, 0.0), "nothing yet"
    teller = threading.Thread(target=live.told, args=(view,))
    teller.start()
    assert view.wait(0, LIMIT_S)
    teller.join()
    assert not view.wait(1, 0.0)


def test_closing_ends_all_waiting(live):
    view = live.view()
    ended = []
    waiters = [
        threading.Thread(target=lambda: ended.append(view.wait(0, LIMIT_S))),
        threading.Thread(target=lambda: ended.append(view.pause(LIMIT_S))),
    ]
    for waiter in waiters:
        waiter.start()
    view.close()
    for waiter in waiters:
        waiter.join(LIMIT_S / 2)
        assert not waiter.is_alive()
    assert False in ended
    assert view.closed


def test_one_picture_a_second_is_kept_while_somebody_watches(live):
    view = live.view()
    assert not view.picks_picture(0.0)
    with view.watching():
        assert [at_s for at_s in (0.0, 0.2, 0.9, 1.0, 1.1, 2.5) if view.picks_picture(at_s)] == [0.0, 1.0, 2.5]
    assert not view.picks_picture(9.0)
