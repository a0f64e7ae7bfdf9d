"""The corpus of odd pictures and clips."""

import importlib.util
import io
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import av
import numpy as np
import pytest

from pictures import Packet, StreamFormat


def load_corpus() -> ModuleType:
    """`corpus.py`, which pytest's import mode puts on no path."""
    spec = importlib.util.spec_from_file_location("corpus_of_odd_pictures", Path(__file__).with_name("corpus.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look it up
    spec.loader.exec_module(module)
    return module


CORPUS = load_corpus()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Gives tests with the arguments `odd_still` and `odd_clip` one file each."""
    for argument, made in (("odd_still", CORPUS.stills), ("odd_clip", CORPUS.clips)):
        if argument in metafunc.fixturenames:
            metafunc.parametrize(argument, list(made()), ids=lambda odd: odd.name)


@pytest.fixture
def corpus() -> ModuleType:
    """How to make more of them."""
    return CORPUS


@pytest.fixture
def made_up() -> SimpleNamespace:
    """Four pictures of 96 by 96 (`format`, `packets`); the third is damaged, so that FFmpeg makes up a part of it."""
    noise = np.random.default_rng(0).integers(0, 256, (96, 160, 3), np.uint8)
    moving = tuple(np.ascontiguousarray(noise[:, k : k + 96]) for k in range(4))
    with av.open(io.BytesIO(CORPUS.video(moving, "avi", "mpeg4", qmin="5", qmax="5"))) as container:
        known = StreamFormat.of(container.streams.video[0])
        packets = [(bytes(packet), packet.is_keyframe) for packet in container.demux(video=0) if packet.size]
    data, _ = packets[2]
    middle = len(data) // 2
    flipped = bytes(each ^ 0x5A for each in data[middle : middle + 20])
    packets[2] = (data[:middle] + flipped + data[middle + 20 :], False)
    return SimpleNamespace(format=known, packets=[Packet(k, *packet) for k, packet in enumerate(packets)])
