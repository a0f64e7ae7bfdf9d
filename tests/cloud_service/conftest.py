"""A model small enough to be understood at a glance, and a server that serves it on a free port."""

import asyncio
import contextlib
import threading

import grpc.aio
import pytest
import torch
from google.rpc.error_details_pb2 import ErrorInfo, RetryInfo
from grpc_status import rpc_status

import split_model
from cloud_service import CloudConfig, CloudServer
from partitioner import Layer, LayerGraph
from split_wire import Encoding, encode_tensor, split_pb2, split_pb2_grpc


class FakeTail:
    def __init__(self, model, feeds, outputs):
        self.model, self.feeds, self.outputs = model, feeds, outputs

    def run(self, feeds):
        self.model.started.release()
        if not self.model.gate.wait(timeout=60):
            raise TimeoutError("the test never opened the gate")
        if self.model.failure:
            raise self.model.failure
        self.model.ran.append(feeds)
        values = dict(feeds)
        return {path: self.model.value(self.model.output_layers[path], values) for path in self.outputs}


class FakeModel:
    """x -> pair (x + 1, x + 2) -> total (twice the first + the second); x -> half (bfloat16).

    Outputs: out = total, parts.0 = half.
    """

    device = torch.device("cpu")
    torch_version = torch.__version__
    labels = None
    example_inputs = (torch.arange(6, dtype=torch.uint8).reshape(1, 6),)

    def __init__(self, name="fake", digest="ab" * 32):
        self.name, self.digest = name, digest
        self.graph = LayerGraph(
            (Layer("x", (), 6), Layer("pair", ("x",), 48), Layer("total", ("pair",), 24), Layer("half", ("x",), 12)),
            ("total", "half"),
        )
        self.inputs = (split_model.ValueSpec("x", "x", "uint8", (1, 6)),)
        self.outputs = (
            split_model.ValueSpec("out", "total", "float32", (1, 6)),
            split_model.ValueSpec("parts.0", "half", "bfloat16", (1, 6)),
        )
        self.output_layers = {spec.path: spec.layer for spec in self.outputs}
        one = split_model.TensorSpec("float32", (1, 6))
        self.layer_specs = {
            "x": (split_model.TensorSpec("uint8", (1, 6)),),
            "pair": (one, one),
            "total": (one,),
            "half": (split_model.TensorSpec("bfloat16", (1, 6)),),
        }
        self.gate = threading.Event()  # tails wait for it
        self.gate.set()
        self.started = threading.Semaphore(0)  # one count for each tail that began
        self.failure = None
        self.ran = []

    def value(self, layer, values):
        if layer not in values:
            if layer == "x":
                raise split_model.MissingTensorError("x")
            if layer == "pair":
                x = self.value("x", values).float()
                values["pair"] = (x + 1, x + 2)
            elif layer == "total":
                first, second = self.value("pair", values)
                values["total"] = 2 * first + second
            else:
                values["half"] = (self.value("x", values).float() / 2).bfloat16()
        return values[layer]

    def tail(self, feeds, outputs=()):
        outputs = tuple(outputs) or tuple(self.output_layers)
        needs = {"out": ({"total"}, {"pair"}, {"x"}), "parts.0": ({"half"}, {"x"})}
        for path in outputs:
            if not any(way <= set(feeds) for way in needs[path]):
                raise split_model.MissingTensorError("x")
        return FakeTail(self, feeds, outputs)

    def __call__(self, x):
        values = {"x": x}
        return self.value("total", values), [self.value("half", values)]


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
        x = encode_tensor("x", model.example_inputs[0].numpy()).message()
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
