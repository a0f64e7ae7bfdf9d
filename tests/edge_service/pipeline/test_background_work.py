"""Jobs run on a thread of their own, and only their results reach the event loop."""

import asyncio
import logging
import threading
import time

import pytest

from edge_service.output.metrics import EdgeMetrics
from edge_service.pipeline.background_work import BackgroundWork
from partitioner import Layer, LayerGraph

GRAPH = LayerGraph((Layer("image", (), 100), Layer("fc", ("image",), 4)), ("fc",))


class Build:
    """A job that lasts until it is released."""

    def __init__(self, error=None):
        self.released, self.began = threading.Event(), threading.Event()
        self.error = error
        self.thread = None

    def run(self):
        self.thread = threading.current_thread()
        self.began.set()
        assert self.released.wait(60.0)
        if self.error is not None:
            raise self.error
        return "a table"


class Listener:
    """In the controller's place: has jobs to run, and hears how they end."""

    def __init__(self, *jobs):
        self.jobs, self.ended = list(jobs), []

    def work_due(self, now_s):
        return self.jobs.pop(0) if self.jobs else None

    def work_ended(self, job, result, now_s):
        self.ended.append((job, result, threading.current_thread()))


@pytest.fixture
def metrics():
    return EdgeMetrics("m", GRAPH)


async def test_the_event_loop_goes_on_while_a_table_is_built(metrics, wait_until):
    """The build ends only once the loop has made progress; were it run on the loop, this would never end."""
    build = Build()
    listener = Listener(build)
    work = BackgroundWork(listener, metrics, 1.0)
    work.begin_due()
    for _ in range(100):
        await asyncio.sleep(0)
    assert listener.ended == []
    build.released.set()
    await wait_until(lambda: listener.ended)
    assert listener.ended == [(build, "a table", threading.current_thread())]
    assert build.thread is not threading.current_thread()
    assert metrics.registry.get_sample_value("dads_planning_jobs_total", {"work": "build", "result": "done"}) == 1
    assert metrics.registry.get_sample_value("dads_planning_seconds_total", {"work": "build"}) > 0


async def test_a_build_that_fails_is_logged_and_told_and_the_next_job_runs(metrics, wait_until, caplog):
    fails, other = Build(ZeroDivisionError("no cut")), Build()
    for job in (fails, other):
        job.released.set()
    listener = Listener(fails, other)
    work = BackgroundWork(listener, metrics, 1.0)
    with caplog.at_level(logging.ERROR):
        work.begin_due()
        await wait_until(lambda: listener.ended)
        work.begin_due()
        await wait_until(lambda: len(listener.ended) == 2)
    assert [result for _, result, _ in listener.ended] == [None, "a table"]
    assert "planning in the background failed" in caplog.text
    assert metrics.registry.get_sample_value("dads_planning_jobs_total", {"work": "build", "result": "failed"}) == 1


async def test_what_ends_after_closing_is_discarded(metrics, wait_until):
    build = Build()
    listener = Listener(build)
    work = BackgroundWork(listener, metrics, 1.0)
    work.begin_due()
    await wait_until(build.began.is_set)
    work.close()
    build.released.set()
    build.thread.join(60.0)
    await asyncio.sleep(0)
    assert not build.thread.is_alive()
    assert listener.ended == []


async def test_a_result_that_arrives_while_closing_is_discarded(metrics, wait_until):
    """The thread has handed over its result, but the loop has not taken it yet."""
    build = Build()
    listener = Listener(build)
    work = BackgroundWork(listener, metrics, 1.0)
    work.begin_due()
    await wait_until(build.began.is_set)
    build.released.set()
    build.thread.join(60.0)
    work.close()
    await asyncio.sleep(0.0)
    await asyncio.sleep(0.0)
    assert listener.ended == []


class Busy:
    """A job that computes for a while."""

    def __init__(self):
        self.thread = self.computed_s = None

    def run(self):
        self.thread = threading.current_thread()
        began_s = time.thread_time()
        while time.thread_time() - began_s < 0.02:
            pass
        self.computed_s = time.thread_time() - began_s
        return "a table"


async def test_a_slow_edge_takes_as_much_longer(metrics, wait_until):
    listener = Listener(Busy())
    work = BackgroundWork(listener, metrics, 5.0)
    work.begin_due()
    await wait_until(lambda: listener.ended)
    (job, _, _), seconds = (
        listener.ended[0],
        metrics.registry.get_sample_value("dads_planning_seconds_total", {"work": "busy"}),
    )
    assert seconds >= 5 * job.computed_s


async def test_closing_does_not_wait_for_a_slow_edge(metrics, wait_until):
    """The thread would wait for some 20 million seconds."""
    listener = Listener(busy := Busy())
    work = BackgroundWork(listener, metrics, 1e9)
    work.begin_due()
    await wait_until(lambda: busy.computed_s is not None)
    work.close()
    busy.thread.join(60.0)
    assert not busy.thread.is_alive()
    assert listener.ended == []
