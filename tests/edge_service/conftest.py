"""Clouds for this package's tests, by hand and real ones on free ports; `numpy_engine` made importable."""

import asyncio
import contextlib
import io
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import av
import numpy as np
import pytest
import torch

import split_model
from cloud_service import CloudConfig, CloudServer
from edge_service.cloud.seam import ALL_RAW, Answer, Beat, CloudProfile, FrameToSend, ProbeReading, StreamEvent
from edge_service.errors import CloudError, CloudUnreachableError
from split_model import arrays_of

sys.path.insert(0, str(Path(__file__).parent))


class TwoByTwo(torch.nn.Module):
    """Two inputs, two outputs, one of them nested: `total` needs both inputs, `parts.0` only the first."""

    def __init__(self) -> None:
        super().__init__()
        self.left = torch.nn.Linear(4, 3)
        self.right = torch.nn.Linear(5, 3)
        with torch.no_grad():
            for seed, layer in enumerate((self.left, self.right)):
                numbers = np.random.default_rng(seed)
                layer.weight.copy_(torch.from_numpy(numbers.uniform(-1, 1, tuple(layer.weight.shape))))
                layer.bias.copy_(torch.from_numpy(numbers.uniform(-1, 1, tuple(layer.bias.shape))))

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> dict[str, object]:
        left, right = self.left(x), self.right(y)
        return {"total": torch.relu(left + right), "parts": [left * 2]}


class ManualTails:
    """One stream: takes frames, and gives what the test gives it."""

    def __init__(self, cloud: "ManualCloud") -> None:
        self.cloud = cloud
        self.sent: list[FrameToSend] = []
        self.timeouts_s: list[float] = []
        self.cancelled = False
        self.error: CloudError | None = None
        self._events: asyncio.Queue[StreamEvent | Exception] = asyncio.Queue()

    async def send(self, frame: FrameToSend, timeout_s: float) -> None:
        if self.error is not None:
            raise self.error
        if self.cancelled:
            raise CloudUnreachableError("cancelled")
        self.sent.append(frame)
        self.timeouts_s.append(timeout_s)

    async def events(self) -> AsyncIterator[StreamEvent]:
        while True:
            event = await self._events.get()
            if isinstance(event, Exception):
                raise event
            yield event

    def cancel(self) -> None:
        self.cancelled = True

    def give(self, event: StreamEvent | Exception) -> None:
        """Lets an answer, a refusal, a heartbeat or an error come down the stream."""
        self._events.put_nowait(event)

    def beat(self, load_factor: float = 1.0) -> None:
        self.give(Beat(load_factor))

    def answer(self, frame: FrameToSend, **fields: object) -> None:
        """Answers a frame with what the model's tail makes of it."""
        self.give(self.cloud.answer_to(frame, **fields))


class ManualCloud:
    """Answers calls at once, or with `error`; counts them; frames are answered by the test."""

    def __init__(self, model: split_model.Model) -> None:
        self.model = model
        self.error: CloudError | None = None
        self.ping_error: CloudError | None = None
        self.probe_error: CloudError | None = None
        self.probe_bps = 1e9
        self.probe_down_bps: float | None = 1e9
        self.calls: list[tuple[str, float]] = []
        self.others = False  # whether another server is there, so that another connection can be had
        self.streams: list[ManualTails] = []
        self.pulses: list[ManualTails] = []

    async def profile(self, timeout_s: float) -> CloudProfile:
        self._called("profile", self.error)
        return CloudProfile(tuple(1e-6 for _ in self.model.graph.layers), 1.5)

    async def ping(self, timeout_s: float) -> float:
        self._called("ping", self.error or self.ping_error)
        return 0.0005

    async def probe(self, size: int, timeout_s: float) -> ProbeReading:
        self._called("probe", self.error or self.probe_error)
        return ProbeReading(size, 8 * size / self.probe_bps)

    async def probe_down(self, size: int, timeout_s: float) -> ProbeReading | None:
        self._called("probe_down", self.error or self.probe_error)
        return None if self.probe_down_bps is None else ProbeReading(size, 8 * size / self.probe_down_bps)

    def encode(self, frame_id, tensors, outputs, encodings=ALL_RAW, traceparent="") -> FrameToSend:
        feeds = {}
        for layer, parts in tensors.items():
            values = tuple(np.array(array) for array, _ in parts)
            feeds[layer] = values[0] if len(values) == 1 else values
        size = sum(array.nbytes for parts in tensors.values() for array, _ in parts)
        return FrameToSend(frame_id, (feeds, tuple(outputs)), size, size)

    def answer_to(self, frame: FrameToSend, **fields: object) -> Answer:
        feeds, outputs = frame.message
        made = self.model.tail(tuple(feeds), outputs).run(dict(feeds))
        arrays = {path: arrays_of(array)[0] for path, array in made.items()}
        times = {"server_s": 1e-4, "queue_s": 0.0, "decode_s": 0.0, "compute_s": 5e-5, "load_factor": 1.0}
        return Answer(**{"frame_id": frame.frame_id, "outputs": arrays, "size": 0, **times, **fields})

    def open_tails(self) -> ManualTails:
        self.calls.append(("stream", time.monotonic()))
        self.streams.append(ManualTails(self))
        return self.streams[-1]

    def open_pulse(self) -> ManualTails:
        self.pulses.append(ManualTails(self))
        return self.pulses[-1]

    async def another(self) -> "ManualCloud":
        self._called("another", None if self.others else CloudUnreachableError("no other server"))
        return self

    async def drop(self) -> None:
        self.calls.append(("drop", time.monotonic()))

    async def close(self) -> None:
        self.calls.append(("close", time.monotonic()))

    def count(self, name: str) -> int:
        return sum(called == name for called, _ in self.calls)

    def times_s(self, name: str) -> list[float]:
        return [at_s for called, at_s in self.calls if called == name]

    def _called(self, name: str, error: CloudError | None) -> None:
        self.calls.append((name, time.monotonic()))
        if error is not None:
            raise error


async def wait_until(condition: Callable[[], object], limit_s: float = 20.0) -> None:
    """Waits for a condition; fails after a deadline."""
    deadline_s = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline_s, "the condition did not come true in time"
        await asyncio.sleep(0.005)


@pytest.fixture(name="wait_until")
def wait_until_fixture():
    return wait_until


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def easy_net() -> split_model.Model:
    return split_model.load("zoo:easy_net")


@pytest.fixture(scope="session")
def two_by_two() -> split_model.Model:
    return split_model.model_of(TwoByTwo().eval(), (torch.ones(1, 4), torch.ones(1, 5)), name="made_here:two_by_two")


@pytest.fixture(scope="session")
def numpy_model() -> split_model.Model:
    """A model of pictures without torch."""
    from numpy_engine import numpy_model  # found by the path above

    return numpy_model()


@pytest.fixture
def manual_cloud():
    """Make a `ManualCloud` for a model."""
    return ManualCloud


@pytest.fixture
def serving():
    """`async with serving(model, max_queue=0) as server:` a real cloud service, profiled in no time."""

    @contextlib.asynccontextmanager
    async def running(*served, layer_s=1e-6, **settings):
        def measure(model, *, repeats):
            seconds = tuple(layer_s if layer.inputs else 0.0 for layer in model.graph.layers)
            return split_model.Profile(layer_s=seconds, whole_s=sum(seconds))

        config = CloudConfig(**{"listen": "127.0.0.1:0", "grace_s": 5, "threads": 1, **settings})
        server = CloudServer(config, served, measure=measure)
        await server.start()
        try:
            yield server
        finally:
            await server.stop(5)

    return running


def encoded_clip(codec: str = "libx264", container_format: str = "mp4", count: int = 48, **options: str) -> bytes:
    """A small clip of a moving texture."""
    file = io.BytesIO()
    with av.open(file, "w", format=container_format) as container:
        stream = container.add_stream(codec, rate=25, options=options)
        stream.width, stream.height = 64, 48
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        texture = np.random.default_rng(0).integers(0, 255, (48 + count, 64 + count, 3), dtype=np.uint8)
        for i in range(count):
            shown = np.ascontiguousarray(texture[i // 2 : i // 2 + 48, i : i + 64])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(shown, format="rgb24")))
        container.mux(stream.encode())
    return file.getvalue()


@pytest.fixture(scope="session", name="encoded_clip")
def encoded_clip_fixture():
    """Make a small clip: `encoded_clip("libx264", "mp4", bf="2", g="12")`."""
    return encoded_clip


def random_inputs(model: split_model.Model, seed: int = 0) -> tuple[torch.Tensor, ...]:
    numbers = np.random.default_rng(seed)
    made = []
    for value in model.inputs:
        if value.dtype == "uint8":
            made.append(torch.from_numpy(numbers.integers(0, 255, value.shape, dtype=np.uint8)))
        else:
            made.append(torch.from_numpy(numbers.standard_normal(value.shape).astype(value.dtype)))
    return tuple(made)


@pytest.fixture(name="random_inputs")
def random_inputs_fixture():
    """Inputs of a model, drawn from a seed."""
    return random_inputs
