"""Both ends of the H.264 baseline: one connection, a packet for each picture, answers in order."""

import asyncio
import contextlib
import socket
import threading

import av
import numpy as np
import torch

import split_model
from bench.frames.h264 import Decoder, Encoder
from bench.paper_table.h264_ends import _ANSWER, _LENGTH, StreamRun, _answer_all, _Stream
from bench.paper_table.h264_stream import summary
from pictures import picture_of


def pictures(count):
    rows, columns = np.mgrid[0:48, 0:64]
    made = (np.stack([rows * 4, columns * 3, rows + columns + 9 * number], axis=2) % 256 for number in range(count))
    return [av.VideoFrame.from_ndarray(each.astype(np.uint8), format="rgb24") for each in made]


class Mean(torch.nn.Module):
    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return image.to(torch.float32).mean(dim=(2, 3))


def streamed(run, count=3):
    """Runs the edge's end against the cloud's, over loopback."""
    model = split_model.model_of(Mean().eval(), (torch.zeros(1, 3, 32, 32, dtype=torch.uint8),), name="mean")
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve():
            connection, _ = server.accept()
            with connection, contextlib.suppress(ConnectionError):  # those under way at the end have nobody to go to
                _answer_all(connection, model)

        cloud = threading.Thread(target=serve)
        cloud.start()
        address = f"127.0.0.1:{server.getsockname()[1]}"
        stream = _Stream(StreamRun(address, slowdown=1.0, **run), pictures(count))
        frames, dropped = asyncio.run(stream.run())
        cloud.join(20.0)
        assert not cloud.is_alive(), "the cloud's end ends with the connection"
    return frames, dropped


def test_one_picture_after_the_other_gets_its_answer():
    frames, dropped = streamed(
        {"rate_hz": 5.0, "single": True, "frames": 4, "warmup": 1, "limit_s": 60.0}
    )  # more than there are pictures: they begin anew
    assert (len(frames), dropped) == (4, 0)
    for frame in frames:
        assert 0.0 < frame.tail_s < frame.sent_s < frame.wall_s
        assert frame.head_s + frame.sent_s <= frame.wall_s
        assert frame.size_bytes > 0
    assert [frame.ended_s for frame in frames] == sorted(frame.ended_s for frame in frames)


def test_at_a_rate_enough_results_come_whatever_is_dropped():
    frames, dropped = streamed({"rate_hz": 500.0, "single": False, "frames": 10, "warmup": 1, "limit_s": 60.0})
    assert len(frames) >= 10
    told = summary(frames, dropped, "heavy", rtt_s=0.0)
    assert told["frames"] == told["outcomes"]["offloaded"] == len(frames)
    assert told["throughput_hz"] > 0.0


def test_the_cloud_answers_with_the_model_s_outputs_for_the_picture():
    (picture,) = pictures(1)
    packet = Encoder(picture, 10.0, 5.0).encode(picture)
    shown = np.asarray(picture_of(Decoder().decode(packet)).image)
    model = split_model.model_of(Mean().eval(), (torch.zeros(1, 3, 48, 64, dtype=torch.uint8),), name="mean")
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(_LENGTH.pack(len(packet)) + packet)
        ours.shutdown(socket.SHUT_WR)
        _answer_all(theirs, model)
        size, tail_s = _ANSWER.unpack(ours.recv(_ANSWER.size, socket.MSG_WAITALL))
        means = np.frombuffer(ours.recv(size, socket.MSG_WAITALL), np.float32)
    assert tail_s > 0.0
    np.testing.assert_allclose(means, shown.mean(axis=(0, 1)), atol=2.0)
