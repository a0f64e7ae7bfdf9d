"""One trace per frame, from the edge to the cloud, with OpenTelemetry's own in-memory exporter."""

import asyncio
import functools
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import grpc
import numpy as np
import pytest
from dads_process import DadsProcess, start_cloud
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import SpanKind, StatusCode

import split_model
from cloud_service import CloudConfig, CloudServer
from cloud_service import tracing as cloud_tracing
from edge_service import Agent, AgentConfig, Outcome
from edge_service.output import tracing as edge_tracing

MODEL = "zoo:easy_net"
CLOUD = {"RunTail": "offload", "queue": "RunTail", "decode": "RunTail", "compute": "RunTail", "encode": "RunTail"}
EDGE = {"frame": None, "wait": "frame", "head": "frame", "offload": "frame"}
OFFLOAD = {"encode": "offload", "transfer": "offload", "decode": "offload"}


class Recorded:
    """A tracer, and the spans it made."""

    def __init__(self, **options):
        self._exporter = InMemorySpanExporter()
        self.provider = TracerProvider(shutdown_on_exit=False, **options)
        self.provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.tracer = self.provider.get_tracer("test")

    @property
    def spans(self):
        return self._exporter.get_finished_spans()


@pytest.fixture(scope="module")
def model():
    return split_model.load(MODEL)


async def run(model, edge, cloud, frames=1, strategy="cloud_only", before=lambda: None):
    """Runs frames through a real cloud on a free port; either side may be None: not traced."""
    server = CloudServer(
        CloudConfig(listen="127.0.0.1:0", threads=1, profile_repeats=1),
        [model],
        tracing=None if cloud is None else cloud_tracing.Tracing(cloud.tracer),
    )
    await server.start()
    try:
        tracing = None if edge is None else edge_tracing.Tracing(edge.tracer)
        config = AgentConfig(strategy=strategy, max_waiting=frames)
        profile = split_model.Profile(tuple(1e-3 for _ in model.graph.layers), 1e-3 * len(model.graph.layers))
        async with Agent(model, f"127.0.0.1:{server.port}", config, edge_profile=profile, tracing=tracing) as agent:
            before()
            images = [np.zeros(model.inputs[0].shape, dtype=np.uint8) for _ in range(frames)]
            return await asyncio.gather(*(agent.submit(image) for image in images))
    finally:
        await server.stop(5)


def check_tree(spans, expected):
    """The spans are as expected, each within its parent."""
    by_id = {span.context.span_id: span for span in spans}
    found = []
    for span in spans:
        assert span.start_time <= span.end_time, span.name
        parent = None if span.parent is None else by_id[span.parent.span_id]
        found.append((span.name, None if parent is None else parent.name))
        if parent is not None:
            assert parent.start_time <= span.start_time, (span.name, parent.name)
            assert span.end_time <= parent.end_time, (span.name, parent.name)
    assert sorted(found, key=str) == sorted(expected, key=str)


async def test_a_frame_is_one_trace_from_edge_to_cloud(model):
    edge, cloud = Recorded(), Recorded()
    (result,) = await run(model, edge, cloud)
    assert result.outcome is Outcome.OFFLOADED
    spans = [*edge.spans, *cloud.spans]
    assert len({span.context.trace_id for span in spans}) == 1
    check_tree(spans, [*EDGE.items(), *OFFLOAD.items(), *CLOUD.items()])
    assert len(cloud.spans) == len(CLOUD)
    by_name = {span.name: span for span in spans}
    assert by_name["offload"].kind is SpanKind.CLIENT
    assert by_name["RunTail"].kind is SpanKind.SERVER
    assert by_name["RunTail"].parent.is_remote
    assert by_name["frame"].attributes["dads.outcome"] == "offloaded"
    assert by_name["frame"].attributes["dads.cut"] == "+".join(result.partition.cut[:2])


async def test_every_frame_has_a_trace_of_its_own(model):
    edge, cloud = Recorded(), Recorded()
    results = await run(model, edge, cloud, frames=4)
    assert {result.outcome for result in results} == {Outcome.OFFLOADED}
    for recorded, size in ((edge, len(EDGE) + len(OFFLOAD)), (cloud, len(CLOUD))):
        traces = [span.context.trace_id for span in recorded.spans]
        assert len(set(traces)) == 4
        assert len(traces) == 4 * size
    assert {span.context.trace_id for span in edge.spans} == {span.context.trace_id for span in cloud.spans}


async def test_a_frame_done_on_the_edge_is_a_short_trace(model):
    edge, cloud = Recorded(), Recorded()
    await run(model, edge, cloud, strategy="edge_only")
    check_tree(edge.spans, [("frame", None), ("wait", "frame"), ("head", "frame")])
    assert cloud.spans == ()


async def test_a_cloud_that_fails_says_so_and_the_edge_finishes(model, monkeypatch):
    edge, cloud = Recorded(), Recorded()

    def fails(*_):
        raise ValueError("made to fail")

    broken = functools.partial(monkeypatch.setattr, "cloud_service.tails.read_feeds", fails)
    (result,) = await run(model, edge, cloud, before=broken)
    assert result.outcome is Outcome.LOCAL_FALLBACK
    spans = [*edge.spans, *cloud.spans]
    check_tree(spans, [*EDGE.items(), ("encode", "offload"), ("RunTail", "offload"), ("tail", "frame")])
    by_name = {span.name: span for span in spans}
    assert by_name["RunTail"].status.description == "INTERNAL"
    assert by_name["offload"].status.status_code is StatusCode.ERROR
    assert by_name["frame"].status.status_code is StatusCode.UNSET, "there is a result"


async def test_either_side_alone_is_fine(model):
    edge, cloud = Recorded(), Recorded()
    await run(model, edge, None)
    check_tree(edge.spans, [*EDGE.items(), *OFFLOAD.items()])
    await run(model, None, cloud)
    assert cloud.spans == ()


async def test_what_is_not_sampled_is_recorded_nowhere(model):
    edge, cloud = Recorded(sampler=ALWAYS_OFF), Recorded()
    (result,) = await run(model, edge, cloud)
    assert result.outcome is Outcome.OFFLOADED
    assert edge.spans == cloud.spans == ()


def test_nothing_of_it_is_loaded_where_it_is_off():
    code = "import sys, dads.app, dads.session.session, cloud_service; assert 'opentelemetry' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


class Collector(trace_service_pb2_grpc.TraceServiceServicer):
    """Takes spans by OTLP, as a real collector does."""

    def __init__(self):
        self.spans = []

    def Export(self, request, context):  # noqa: N802 # gRPC's name
        for resource in request.resource_spans:
            (service,) = [
                item.value.string_value for item in resource.resource.attributes if item.key == "service.name"
            ]
            for scope in resource.scope_spans:
                self.spans += [(service, span) for span in scope.spans]
        return trace_service_pb2.ExportTraceServiceResponse()


def test_two_processes_send_their_shares_of_a_trace_to_a_collector():
    collector, server = Collector(), grpc.server(ThreadPoolExecutor(2))
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(collector, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}", "DADS_EDGE_STRATEGY": "cloud_only"}
    cloud, address = start_cloud("--model", MODEL, "--listen", "127.0.0.1:0", "--threads", "1", environment=environment)
    arguments = ["--model", MODEL, "--cloud", address, "--source", "sample", "--frames", "3", "--threads", "1"]
    with cloud:
        with DadsProcess("edge", *arguments, "--require-cloud", environment=environment) as edge:
            assert edge.wait() == 0, edge.errors
        cloud.send(signal.SIGTERM)
        assert cloud.wait(30) == 0, cloud.errors
    server.stop(None).wait(10)
    traces = {}
    for service, span in collector.spans:
        traces.setdefault(span.trace_id, set()).add((service, span.name))
    assert len(traces) == 3
    for shares in traces.values():
        assert {("dads-edge", "frame"), ("dads-edge", "offload"), ("dads-cloud", "RunTail")} <= shares
