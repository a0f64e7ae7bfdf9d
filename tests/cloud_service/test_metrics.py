"""What Prometheus reads, by HTTP."""

import asyncio
import urllib.request

import pytest
from prometheus_client.parser import text_string_to_metric_families

from split_wire import Reason


@pytest.fixture
def scrape():
    """Samples of a server: (name, labels) -> value."""

    def read(server):
        with urllib.request.urlopen(f"http://127.0.0.1:{server.metrics_port}/metrics", timeout=20) as response:
            text = response.read().decode()
        return {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    async def scraped(server):
        return await asyncio.to_thread(read, server)

    return scraped


def of(name, **labels):
    return name, tuple(sorted(labels.items()))


async def test_off_unless_asked_for(model, serve):
    async with serve(model) as (server, _):
        assert server.metrics_port is None


async def test_every_series_with_a_bounded_label_is_there_from_the_start(model, serve, scrape):
    async with serve(model, metrics_port=0) as (server, _):
        found = await scrape(server)
    for stage in ("queue", "decode", "prepare", "tail", "encode"):
        assert found[of("dads_stage_seconds_count", stage=stage)] == 0
    for reason in Reason:
        assert found[of("dads_rejected_total", reason=reason.value)] == 0
    assert found[of("dads_tails_in_flight")] == 0
    assert found[of("dads_load_factor", side="cloud")] == 1


async def test_what_was_started_is_shown(model, serve, scrape):
    async with serve(model, metrics_port=0, max_queue=7) as (server, _):
        found = await scrape(server)
    (config,) = (dict(labels) for name, labels in found if name == "dads_config_info")
    assert (config["max_queue"], config["max_concurrency"]) == ("7", "1")
    assert found[of("dads_model_info", model=model.name, digest=model.digest, engine="fake")] == 1
    (build,) = (dict(labels) for name, labels in found if name == "dads_build_info")
    assert build.keys() == {"version", "python", "torch"}


async def test_calls_frames_and_refusals_are_counted(model, serve, ask, frame, refusal, answers, scrape):
    async with serve(model, metrics_port=0) as (server, stub):
        await stub.RunTail(ask())
        await refusal(stub.RunTail(ask(model="none", digest="no")))
        await refusal(stub.RunTail(ask(tensors=[])))
        await answers(stub.StreamTails(iter([frame(1), frame(2), frame(3, digest="no")])))
        found = await scrape(server)
    assert found[of("dads_rpc_seconds_count", method="RunTail", code="OK")] == 1
    assert found[of("dads_rpc_seconds_count", method="RunTail", code="NOT_FOUND")] == 1
    assert found[of("dads_rpc_seconds_count", method="RunTail", code="INVALID_ARGUMENT")] == 1
    assert found[of("dads_rpc_seconds_count", method="StreamTails", code="OK")] == 2
    assert found[of("dads_rpc_seconds_count", method="StreamTails", code="FAILED_PRECONDITION")] == 1
    assert found[of("dads_rejected_total", reason="UNKNOWN_MODEL")] == 1
    assert found[of("dads_rejected_total", reason="MISSING_TENSOR")] == 1
    assert found[of("dads_rejected_total", reason="DIGEST_MISMATCH")] == 1
    for stage in ("queue", "decode", "tail", "encode"):
        assert found[of("dads_stage_seconds_count", stage=stage)] == 3
    labels = {name for metric, pairs in found if not metric.endswith("_info") for name, _ in pairs}
    assert labels <= {"method", "code", "stage", "reason", "side", "le"}


async def test_tails_in_flight_are_those_that_wait_or_run(model, serve, ask, scrape, wait_for):
    model.gate.clear()
    async with serve(model, metrics_port=0) as (server, stub):
        calls = [stub.RunTail(ask()) for _ in range(3)]
        await wait_for(lambda: server._admission.admitted == 3)
        assert (await scrape(server))[of("dads_tails_in_flight")] == 3
        model.gate.set()
        await asyncio.gather(*calls)
        await wait_for(lambda: server._admission.admitted == 0)
        assert (await scrape(server))[of("dads_tails_in_flight")] == 0


async def test_two_servers_count_apart(model, serve, ask, scrape):
    async with serve(model, metrics_port=0) as (one, stub), serve(model, metrics_port=0) as (other, _):
        await stub.RunTail(ask())
        count = of("dads_rpc_seconds_count", method="RunTail", code="OK")
        assert (await scrape(one))[count] == 1
        assert count not in await scrape(other)
