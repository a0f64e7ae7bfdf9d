from bench.fleet.replica import Replica


def test_tails_begin_in_order_and_as_many_wait_as_may():
    replica = Replica(places=1, queue=1)
    first, second = replica.admit(1.0, 10.0, 0.0), replica.admit(1.0, 10.0, 0.5)
    assert (first.queue_s, first.ends_s) == (0.0, 1.0)
    assert (second.queue_s, second.ends_s) == (0.5, 2.0)
    assert replica.admit(1.0, 10.0, 0.75) is None
    assert replica.refused == 1
    assert replica.admit(1.0, 10.0, 1.0).ends_s == 3.0


def test_places_compute_side_by_side():
    replica = Replica(places=2, queue=0)
    assert [replica.admit(1.0, 10.0, at_s).ends_s for at_s in (0.0, 0.25)] == [1.0, 1.25]
    assert replica.admit(1.0, 10.0, 0.5) is None


def test_a_tail_that_waits_past_its_deadline_is_not_computed():
    replica = Replica(places=1, queue=4)
    replica.admit(2.0, 10.0, 0.0)
    assert replica.admit(1.0, 0.5, 0.0).expires
    assert replica.waiting(0.25) == 2
    assert replica.waiting(0.5) == 1
    assert replica.admit(1.0, 10.0, 1.0).ends_s == 3.0
    assert replica.busy_s == 3.0


def test_the_event_loop_takes_frames_one_after_the_other():
    replica = Replica(places=2, queue=0, loop_s=0.25)
    assert [replica.admit(1.0, 10.0, 0.0).ends_s for _ in range(2)] == [1.25, 1.5]


def test_the_load_factor_tells_the_queue():
    replica = Replica(places=1, queue=4)
    replica.admit(1.0, 10.0, 0.0)
    waited = replica.admit(1.0, 10.0, 0.0)
    assert replica.computed(waited, 1.0, 2.0) > 1.0
