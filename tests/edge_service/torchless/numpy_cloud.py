"""A cloud in the agent's own process that computes tails at once, or refuses every frame; it needs no torch."""

import asyncio
from collections.abc import AsyncIterator

import numpy as np

from edge_service.cloud.seam import (
    ALL_RAW,
    Answer,
    Beat,
    CloudProfile,
    FrameToSend,
    ProbeReading,
    Refusal,
    StreamEvent,
)
from edge_service.errors import CloudRefusedError
from split_model import Model


class NumpyTails:
    """One stream."""

    def __init__(self, model: Model, *, refuses: bool) -> None:
        self._model = model
        self._refuses = refuses
        self._events: asyncio.Queue[StreamEvent] = asyncio.Queue()

    async def send(self, frame, timeout_s) -> None:
        feeds, outputs = frame.message
        made = self._model.tail(tuple(feeds), outputs).run(feeds)
        if self._refuses:
            self._events.put_nowait(Refusal(frame.frame_id, CloudRefusedError("no room", reason="OVERLOADED")))
        else:
            self._events.put_nowait(Answer(frame.frame_id, made, 0, 1e-4, 0.0, 0.0, 5e-5, 1.0))

    async def events(self) -> AsyncIterator[StreamEvent]:
        yield Beat(1.0)
        while True:
            yield await self._events.get()

    def cancel(self) -> None:
        pass


class NumpyCloud:
    """See above."""

    def __init__(self, model: Model, *, refuses: bool = False) -> None:
        self.model = model
        self.refuses = refuses

    async def profile(self, timeout_s) -> CloudProfile:
        return CloudProfile(tuple(1e-6 for _ in self.model.graph.layers), 1.0)

    async def ping(self, timeout_s) -> float:
        return 1e-4

    async def probe(self, size, timeout_s) -> ProbeReading:
        return ProbeReading(size, 8 * size / 1e9)

    async def probe_down(self, size, timeout_s) -> ProbeReading:
        return ProbeReading(size, 8 * size / 1e9)

    def encode(self, frame_id, tensors, outputs, encodings=ALL_RAW, traceparent="") -> FrameToSend:
        assert all(array.flags.c_contiguous for parts in tensors.values() for array, _ in parts)
        arrived = {layer: tuple(np.array(array) for array, _ in parts) for layer, parts in tensors.items()}
        feeds = {layer: parts[0] if len(parts) == 1 else parts for layer, parts in arrived.items()}
        return FrameToSend(frame_id, (feeds, tuple(outputs)), 1, 1)

    def open_tails(self) -> NumpyTails:
        return NumpyTails(self.model, refuses=self.refuses)

    open_pulse = open_tails

    async def another(self) -> "NumpyCloud":
        return self

    async def drop(self) -> None:
        pass

    async def close(self) -> None:
        pass
