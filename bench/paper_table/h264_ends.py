"""Both ends of a stream of H.264: pictures are encoded on the edge, and decoded in the cloud, where the model runs.

A plain TCP connection carries a packet for each picture, after its length; the answer is the model's outputs, after
their length and the seconds that the cloud took. As in an agent, at most two pictures wait for the encoder, of more the
oldest is dropped, and at most eight are under way; the encoder's time is stretched as all that a slow edge computes.
"""

import asyncio
import contextlib
import socket
import struct
import time
from collections import deque
from dataclasses import asdict, dataclass
from functools import partial
from itertools import cycle

import av
import numpy as np
import torch

import split_model
from bench.child import Parent
from bench.frames.clip import frame_of, read
from bench.frames.h264 import Decoder, Encoder
from edge_service.slowing import stretched
from edge_service.sources.sample import sample_path
from pictures import Preprocess
from split_model import arrays_of

CRF = 23.0
_CLIP, _MOST_PICTURES = "bikes", 200
_LENGTH, _ANSWER = struct.Struct("<I"), struct.Struct("<Id")
_WAITING, _UNDER_WAY = 2, 8


@dataclass(frozen=True, slots=True)
class StreamRun:
    """What the edge's end shall do.

    Attributes:
        address: "HOST:PORT" of the cloud's end.
        rate_hz: Pictures of the clip in a second, each of which is submitted.
        single: Whether each is submitted when the one before it is done, in place of at the rate.
        frames: Results that are wanted.
        warmup: Results before, not told.
        limit_s: When to stop, however many there are.
        slowdown: The edge's.
    """

    address: str
    rate_hz: float
    single: bool
    frames: int
    warmup: int
    limit_s: float
    slowdown: float


@dataclass(frozen=True, slots=True)
class StreamedFrame:
    """One result; times in seconds.

    Attributes:
        ended_s: When it was there, on the edge's clock.
        wall_s: From submission to result.
        head_s: Of the encoder.
        sent_s: From the encoder's end to the result.
        tail_s: Of the cloud: decoding, making the frame, and the whole model.
        size_bytes: Of its packet.
    """

    ended_s: float
    wall_s: float
    head_s: float
    sent_s: float
    tail_s: float
    size_bytes: int


def serve(parent: Parent, listen: str, spec: str) -> None:
    """The cloud's end: tells its port, then answers one stream after another."""
    torch.set_num_threads(1)
    model = split_model.load(spec, threads=1)
    model(*model.example_inputs)
    with socket.create_server((listen.rpartition(":")[0], 0)) as server:
        parent.tell(server.getsockname()[1])
        while True:
            connection, _ = server.accept()
            with connection, contextlib.suppress(ConnectionError):
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                _answer_all(connection, model)


def _answer_all(connection: socket.socket, model: split_model.Model) -> None:
    decoder, like = Decoder(), np.asarray(model.example_inputs[0])
    preprocess = model.preprocess or Preprocess()
    with connection.makefile("rb") as packets:
        while len(head := packets.read(_LENGTH.size)) == _LENGTH.size:
            data = packets.read(_LENGTH.unpack(head)[0])
            began_s = time.monotonic()
            outputs = model.flatten(model(frame_of(decoder.decode(data), like, preprocess)))
            answer = b"".join(array.tobytes() for value in outputs.values() for array in arrays_of(value))
            connection.sendall(_ANSWER.pack(len(answer), time.monotonic() - began_s) + answer)


async def drive(parent: Parent) -> None:
    """The edge's end: answers each `StreamRun` with its `StreamedFrame`s, and how many pictures were dropped."""
    while True:
        run = StreamRun(**await parent.hear())
        clip = await asyncio.to_thread(read, sample_path(_CLIP), (224, 224), run.rate_hz, _MOST_PICTURES)
        frames, dropped = await _Stream(run, clip.pictures).run()
        parent.tell([[asdict(frame) for frame in frames], dropped])


class _Stream:
    """One run."""

    def __init__(self, run: StreamRun, pictures: list[av.VideoFrame]) -> None:
        self._run = run
        self._pictures = pictures
        self._encoder = Encoder(pictures[0], CRF, run.rate_hz)
        self._room = asyncio.Semaphore(_UNDER_WAY)
        self._waiting: deque[tuple[float, av.VideoFrame]] = deque()
        self._came, self._answered = asyncio.Event(), asyncio.Event()
        self._under_way: deque[tuple[float, float, float, int]] = deque()
        self._told: list[StreamedFrame] = []
        self._dropped = 0

    async def run(self) -> tuple[list[StreamedFrame], int]:
        host, _, port = self._run.address.rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        try:
            async with asyncio.timeout(self._run.limit_s), asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._encode(writer)), group.create_task(self._receive(reader))]
                await self._submit()
                for task in tasks:
                    task.cancel()
        except TimeoutError:
            pass  # what there is counts
        finally:
            writer.close()
        return self._told[self._run.warmup :], self._dropped

    async def _submit(self) -> None:
        run, loop = self._run, asyncio.get_running_loop()
        wanted, begin_s = run.warmup + run.frames, loop.time()
        for number, picture in enumerate(cycle(self._pictures)):
            if len(self._told) >= wanted:
                return
            if len(self._waiting) == _WAITING:
                self._waiting.popleft()
                self._dropped += 1
            self._waiting.append((time.monotonic(), picture))
            self._came.set()
            if run.single:
                await self._answered.wait()
                self._answered.clear()
            else:
                await asyncio.sleep(max(0.0, begin_s + (number + 1) / run.rate_hz - loop.time()))

    async def _encode(self, writer: asyncio.StreamWriter) -> None:
        while True:
            await self._room.acquire()
            while not self._waiting:
                self._came.clear()
                await self._came.wait()
            submitted_s, picture = self._waiting.popleft()
            began_s = time.monotonic()
            encode = partial(self._encoder.encode, picture)
            data = await asyncio.to_thread(stretched, encode, self._run.slowdown)
            ended_s = time.monotonic()
            self._under_way.append((submitted_s, ended_s - began_s, ended_s, len(data)))
            writer.write(_LENGTH.pack(len(data)) + data)  # at most eight packets are buffered

    async def _receive(self, reader: asyncio.StreamReader) -> None:
        while True:
            size, tail_s = _ANSWER.unpack(await reader.readexactly(_ANSWER.size))
            await reader.readexactly(size)
            now_s = time.monotonic()
            submitted_s, head_s, encoded_s, size_bytes = self._under_way.popleft()
            self._told.append(StreamedFrame(now_s, now_s - submitted_s, head_s, now_s - encoded_s, tail_s, size_bytes))
            self._room.release()
            self._answered.set()
