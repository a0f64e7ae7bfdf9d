"""A model small enough to be understood at a glance, without torch, and a server that serves it on a free port."""

import asyncio
import contextlib
import threading

import grpc.aio
import numpy as np
import pytest
from google.rpc.error_details_pb2 import ErrorInfo, RetryInfo
from grpc_status import rpc_status

import split_model
from cloud_service import CloudConfig, CloudServer
from partitioner import Layer, LayerGraph
from split_model.arguments import ExpectedInputs
from split_model.definition import Returned
from split_model.engines.engine import Results
from split_model.structure import flatten
from split_wire import Encoding, encode_tensor, split_pb2, split_pb2_grpc


class FakePart:
    """A part of the fake model; its run counts, and waits for the gate."""

    def __init__(self, model, spec):
        self.model, self.spec = model, spec

    def run(self, feeds, recorder=None):
        self.model.started.release()
        if not self.model.gate.wait(timeout=60):
            raise TimeoutError("the test never opened the gate")
        if self.model.failure:
            raise self.model.failure
        self.model.ran.append(feeds)
        values = dict(feeds)
        outputs = {path: self.model.value(self.model.output_layers[path], values) for path in self.spec.outputs}
        layers = {name: self.model.value(name, values) for name in self.spec.layers}
        return Results(layers, outputs, self.model.engine.waits_s)


class FakeEngine:
    """Computes by numpy. With `preparation = AWAITED`, each part waits once until the event `sessions` is set."""

    name = "fake"

    def __init__(self, model):
        self.model = model
        self.preparation = split_model.Preparation.NONE
        self.ready = set()
        self.sessions = threading.Event()
        self.preparing = threading.Semaphore(0)  # one count for each part that began to wait
        self.preferred, self.threads = [], []
        self.waits_s = 0.0  # what each run says that it waited

    def part(self, spec):
        return FakePart(self.model, spec)

    def is_ready(self, spec):
        return self.preparation is split_model.Preparation.NONE or spec in self.ready

    def prefer(self, specs):
        self.preferred += specs

    def prepare(self, specs):
        self.preparing.release()
        if not self.sessions.wait(timeout=60):
            raise TimeoutError("the test never let the engine make its sessions")
        self.ready.update(specs)

    def prepare_thread(self, threads):
        self.threads.append(threads)

    def walk(self, feeds):
        values = dict(feeds)
        for layer in self.model.graph.layers:
            if layer.inputs:
                yield layer.name, self.model.value(layer.name, values)

    def measure(self, feeds, *, repeats, warmup, on_progress):
        return fake_profile(self.model, repeats=repeats)

    def close(self):
        pass


def fake_definition(digest):
    """Without torch: x -> pair -> total; x -> half, which is bfloat16."""
    x = split_model.TensorSpec("uint8", (1, 6))
    one, half = split_model.TensorSpec("float32", (1, 6)), split_model.TensorSpec("bfloat16", (1, 6))
    outputs = (
        split_model.ValueSpec("out", "total", "float32", (1, 6)),
        split_model.ValueSpec("parts.0", "half", "bfloat16", (1, 6)),
    )
    return split_model.Definition(
        digest=digest,
        graph=LayerGraph(
            (Layer("x", (), 6), Layer("pair", ("x",), 48), Layer("total", ("pair",), 24), Layer("half", ("x",), 12)),
            ("total", "half"),
        ),
        layer_specs={"x": (x,), "pair": (one, one), "total": (one,), "half": (half,)},
        inputs=ExpectedInputs(("x",), flatten((None,))[1], (("x", x),), ("x",)),
        outputs=Returned(flatten((None, [None]))[1], tuple((spec.path, spec) for spec in outputs)),
        places={},
        torch_version="2.0.0",
    )


class FakeModel(split_model.Model):
    """x -> pair (x + 1, x + 2) -> total (twice the first + the second); x -> half (bfloat16).

    Outputs: out = total, parts.0 = half.
    """

    def __init__(self, name="fake", digest="ab" * 32):
        example = np.arange(6, dtype=np.uint8).reshape(1, 6)
        super().__init__(fake_definition(digest), FakeEngine(self), name=name, example_inputs=(example,))
        self.output_layers = {spec.path: spec.layer for spec in self.outputs}
        self.gate = threading.Event()  # tails wait for it
        self.gate.set()
        self.started = threading.Semaphore(0)  # one count for each tail that began
        self.failure = None
        self.ran = []

    def value(self, layer, values):
        if layer not in values:
            if layer == "pair":
                x = np.float32(self.value("x", values))
                values["pair"] = (x + 1, x + 2)
            elif layer == "total":
                first, second = self.value("pair", values)
                values["total"] = 2 * first + second
            else:  # these halves are exact in bfloat16, whose bits are carried
                values["half"] = np.uint16(np.float32(self.value("x", values) / 2).view(np.uint32) >> 16)
        return values[layer]


def fake_profile(model, *, repeats):
    return split_model.Profile((0.0, 0.001, 0.002, 0.004), 0.007)


def fake_decoding(model):
    return {Encoding.RAW: (0.0, 0.1, 0.2, 0.3), Encoding.FLOAT16: (0.0, 1.0, 2.0, 3.0)}


def details(status):
    """The ErrorInfo and RetryInfo of a google.rpc.Status; None for what is not there."""
    found = {}
    for detail in status.details:
        for kind in (ErrorInfo, RetryInfo):
            if detail.Is(kind.DESCRIPTOR):
                found[kind] = kind()
                detail.Unpack(found[kind])
    return found.get(ErrorInfo), found.get(RetryInfo)


async def wait_for(condition, seconds=20):
    """Wait until a condition holds; fail after a deadline."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 # the conditions are plain numbers inside the server
            await asyncio.sleep(0.002)


@pytest.fixture(name="details")
def details_fixture():
    return details


@pytest.fixture(name="wait_for")
def wait_for_fixture():
    return wait_for


@pytest.fixture
def refusal():
    """Await a call that must fail: its code's name, its reason, its message, and seconds until a retry or None."""

    async def refused(call):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call
        status = await rpc_status.aio.from_call(call)
        assert status is not None, caught.value
        info, retry = details(status)
        assert info.domain == "dads.v1"
        delay_s = retry.retry_delay.ToTimedelta().total_seconds() if retry else None
        return caught.value.code().name, info.reason, status.message, delay_s

    return refused


@pytest.fixture
def measure():
    """A measurement of the fake model that takes no time."""
    return fake_profile


@pytest.fixture
def model():
    return FakeModel()


@pytest.fixture
def serve(model):
    """`async with serve(model, max_queue=0) as (server, stub):` a running server and a client of it."""

    @contextlib.asynccontextmanager
    async def running(*served, measure=fake_profile, **settings):
        config = CloudConfig(**{"listen": "127.0.0.1:0", "grace_s": 5, **settings})
        server = CloudServer(config, served, measure=measure, measure_decoding=fake_decoding)
        await server.start()
        options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
        try:
            async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}", options=options) as channel:
                yield server, split_pb2_grpc.SplitInferenceStub(channel)
        finally:
            model.gate.set()
            await server.stop(5)

    return running


@pytest.fixture
def ask(model):
    """Make a RunTailRequest for the fake model from its input, with fields to override."""

    def make(**fields):
        x = encode_tensor("x", model.example_inputs[0]).message()
        return split_pb2.RunTailRequest(**{"model": model.name, "digest": model.digest, "tensors": [x], **fields})

    return make


@pytest.fixture
def frame(ask):
    """Make a StreamTailsRequest for the fake model."""

    def make(frame_id, *, timeout_s=0.0, **fields):
        return split_pb2.StreamTailsRequest(request=ask(frame_id=frame_id, **fields), timeout_s=timeout_s)

    return make


@pytest.fixture
def answers():
    """Read a stream's answers, leaving out heartbeats, until it ends or `count` have come."""

    async def collected(call, count=None):
        found = []
        async for response in call:
            if response.WhichOneof("event") != "heartbeat":
                found.append(response)
            if len(found) == count:
                break
        return found

    return collected
