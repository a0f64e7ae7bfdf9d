"""One worker thread, and real time."""

import asyncio
import threading
import time

import pytest

from edge_service.compute import EdgeCompute, edge_seconds


@pytest.fixture
def compute():
    made = EdgeCompute()
    yield made
    made.close()


def test_edge_seconds_stretch_every_layer():
    assert edge_seconds((0.0, 0.5, 2.0), 8.0) == (0.0, 4.0, 16.0)


@pytest.mark.parametrize("slowdown", [0.0, 0.999, -1.0, float("nan")])
def test_a_slowdown_below_one_is_refused(slowdown):
    with pytest.raises(ValueError, match="at least 1"):
        EdgeCompute(slowdown)


async def test_functions_run_one_after_another_in_order_and_beside_the_event_loop(compute):
    running, most, order = [], [], []

    def work(number):
        running.append(number)
        most.append(len(running))
        order.append(number)
        running.remove(number)
        return number, threading.get_ident()

    made = await asyncio.gather(*(compute.run(lambda number=number: work(number)) for number in range(20)))
    assert order == list(range(20))
    assert max(most) == 1
    idents = {ident for (_, ident), _ in made}
    assert len(idents) == 1
    assert threading.get_ident() not in idents


async def test_the_event_loop_goes_on_while_a_function_runs(compute):
    """The function waits for something only the loop can do; were it run on the loop, this would never end."""
    go = threading.Event()
    running = asyncio.ensure_future(compute.run(lambda: go.wait(20)))
    await asyncio.sleep(0)
    go.set()
    value, _ = await running
    assert value is True


async def test_the_time_is_the_functions_own_without_its_wait(compute):
    """A function queued behind another is not charged for it: the first stands still until the second is queued."""
    gate = threading.Event()
    began_s = time.perf_counter()
    first = asyncio.ensure_future(compute.run(lambda: gate.wait(20)))
    second = asyncio.ensure_future(compute.run(lambda: None))
    asyncio.get_running_loop().call_later(0.2, gate.set)
    (_, first_s), (_, second_s) = await asyncio.gather(first, second)
    elapsed_s = time.perf_counter() - began_s
    assert first_s + second_s <= elapsed_s, "together they cannot take longer than the wall"


async def test_the_slowdown_is_part_of_the_time():
    compute = EdgeCompute(slowdown=4.0)
    try:
        own_s = []

        def work():
            began_s = time.thread_time()
            while time.thread_time() - began_s < 0.02:
                pass
            own_s.append(time.thread_time() - began_s)

        began_s = time.perf_counter()
        _, seconds = await compute.run(work)
        elapsed_s = time.perf_counter() - began_s
    finally:
        compute.close()
    assert 4 * own_s[0] <= seconds <= elapsed_s, "the time told was really spent"


async def test_only_what_was_computed_is_stretched():
    """Not what else passed meanwhile: the clock given says that a function computed for no time."""
    compute = EdgeCompute(slowdown=1e6, clock=lambda: 7.0)
    try:
        value, _ = await asyncio.wait_for(compute.run(lambda: time.sleep(0.01) or "done"), 20)
    finally:
        compute.close()
    assert value == "done"


async def test_an_error_is_the_callers_and_the_thread_lives_on(compute):
    with pytest.raises(ZeroDivisionError):
        await compute.run(lambda: 1 / 0)
    assert (await compute.run(lambda: 7))[0] == 7


async def test_closing_ends_the_thread():
    compute = EdgeCompute()
    thread, _ = await compute.run(threading.current_thread)
    assert thread.is_alive()
    compute.close()
    assert not thread.is_alive()
