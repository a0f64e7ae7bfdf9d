"""Encodings on their way through a profile's file, and what commands make of them."""

import math
import socket
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

import split_model
from dads.planning import encodings
from dads.planning.profile_file import profile_json, read_profile
from edge_service import AgentConfig, WireCosts, measure_wire_costs
from edge_service.control import EncodingCosts
from edge_service.sources.errors import SourceLostError
from pictures import Preprocess
from split_wire import PICTURES, Encoding, available
from split_wire.picture_encodings import jpeg_xl


@pytest.fixture
def costs(easy_net):
    count = len(easy_net.graph.layers)
    return WireCosts(
        encodings=(
            EncodingCosts("raw", tuple(map(float, range(count))), (0.0,) * count),
            EncodingCosts("float16", (math.inf, *(0.5 * size for size in range(1, count))), (0.001,) * count),
        ),
        inputs=frozenset({"image"}),
        input_encoding=Encoding.RAW,
    )


@pytest.fixture
def complete(costs):
    """All that an edge of this version measures."""
    others = [
        encoding.value for encoding in Encoding if encoding not in {Encoding.RAW, Encoding.JPEG} and available(encoding)
    ]
    return replace(costs, encodings=(costs.encodings[0], *(replace(costs.encodings[1], name=name) for name in others)))


def test_a_profile_s_file_keeps_them(easy_net, times, complete, tmp_path):
    config = AgentConfig(max_error=0.02, input_encoding="jpeg")
    path = tmp_path / "edge.json"
    path.write_text(profile_json(replace(times.edge, encodings=encodings.stored(complete, config))))
    kept = read_profile(path).encodings
    assert encodings.restored(easy_net, kept) == complete
    assert encodings.fits(easy_net, kept, config)


@pytest.mark.parametrize(
    "other",
    [
        AgentConfig(max_error=0.1, input_encoding="jpeg"),
        AgentConfig(max_error=0.02),
        AgentConfig(max_error=0.02, input_encoding="jpeg", encodings="raw"),
    ],
)
def test_other_settings_want_them_measured_again(easy_net, complete, other):
    kept = encodings.stored(complete, AgentConfig(max_error=0.02, input_encoding="jpeg"))
    assert not encodings.fits(easy_net, kept, other)


def test_a_file_of_a_machine_with_more_packages_wants_them_measured_again(easy_net, complete, monkeypatch):
    config = AgentConfig(max_error=0.02)
    monkeypatch.setattr(jpeg_xl, "_imagecodecs", lambda: None)
    others = tuple(each for each in complete.encodings if each.name != "jpeg_xl")
    assert encodings.fits(easy_net, encodings.stored(replace(complete, encodings=others), config), config)
    more = replace(complete, encodings=(*others, replace(others[-1], name="jpeg_xl")))
    assert not encodings.fits(easy_net, encodings.stored(more, config), config)


@pytest.mark.parametrize("unknown", ["webp", "differences_zstd", "float16"])
def test_a_file_of_a_version_that_knew_fewer_wants_them_measured_again(easy_net, complete, unknown):
    config = AgentConfig(max_error=0.02)
    older = replace(complete, encodings=tuple(each for each in complete.encodings if each.name != unknown))
    assert not encodings.fits(easy_net, encodings.stored(older, config), config)


def test_with_frames_as_jpeg_no_picture_is_missed(easy_net, complete):
    config = AgentConfig(max_error=0.02, input_encoding="jpeg")
    others = tuple(each for each in complete.encodings if Encoding(each.name) not in PICTURES)
    found = replace(complete, encodings=others, input_encoding=Encoding.JPEG)
    assert encodings.fits(easy_net, encodings.stored(found, config), config)


def test_what_only_another_version_knows_is_left_out(easy_net, costs):
    kept = encodings.stored(costs, AgentConfig())
    later = replace(kept, output_bytes={**kept.output_bytes, "bz9": (1.0,)}, encode_s={**kept.encode_s, "bz9": (1.0,)})
    assert encodings.restored(easy_net, later) == costs


def test_both_sides_must_know_an_encoding(easy_net, costs):
    none = (0.0,) * len(easy_net.graph.layers)
    half = tuple(0.5 for _ in none)
    both = encodings.priced(easy_net, costs, {"raw": none, "float16": half, "zstd": none}, edge_slowdown=3.0)
    assert [encoding.name for encoding in both] == ["raw", "float16"]
    assert both[1].encode_s == pytest.approx([0.003 for _ in none])
    assert both[1].decode_s == half
    (raw,) = encodings.priced(easy_net, costs, {"raw": none}, edge_slowdown=3.0)
    assert raw.name == "raw"


@pytest.mark.parametrize(("max_error", "measures"), [("0.02", False), ("0.03", True)])
def test_an_edge_measures_only_what_its_profile_does_not_hold(
    dads, times, complete, pictures, tmp_path, max_error, measures
):
    path = tmp_path / "edge.json"
    path.write_text(
        profile_json(replace(times.edge, encodings=encodings.stored(complete, AgentConfig(max_error=0.02))))
    )
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        cloud = f"127.0.0.1:{nobody.getsockname()[1]}"
        options = (
            "--cloud",
            cloud,
            "--source",
            pictures,
            "--frames",
            "1",
            "--profile",
            path,
            "--engine",
            "torch",
            "--max-error",
            max_error,
        )
        result = dads("edge", "--model", "zoo:easy_net", *options)
    assert result.exit_code == 0, result.stderr
    assert ("measuring encodings" in result.stderr) is measures


async def test_frames_are_prepared_as_the_model_says(tmp_path):
    picture = Image.new("RGB", (100, 50), (200, 200, 200))
    picture.save(tmp_path / "grey.png")
    model = split_model.load("zoo:easy_net", preprocess=Preprocess("pad", fill=7))
    (frame, *_) = [frame async for frame in encodings.first_frames(model, str(tmp_path))]
    assert sorted(set(frame.image.ravel().tolist())) == [7, 200]


def test_a_camera_that_is_gone_is_not_measured_on_something_else(easy_net, monkeypatch):
    monkeypatch.setattr(encodings, "_LONGEST_WAIT_S", 0.2)
    with pytest.raises(SourceLostError, match=r"rtsp://\*\*\*@127.0.0.1:1/: .* refused; given up after 0.2 s"):
        encodings.measure_on(easy_net, "rtsp://anna:secret@127.0.0.1:1/", AgentConfig())


@pytest.mark.parametrize(("max_error", "frames"), [(0.0, 1), (0.5, 2)])
def test_what_changes_nothing_is_measured_on_the_last_frame_alone(easy_net, max_error, frames):
    black, noisy = (np.zeros_like(easy_net.example_inputs[0]), easy_net.example_inputs[0])
    measured = encodings.measure(easy_net, [(black,), (noisy,)], AgentConfig(max_error=max_error))
    expected = measure_wire_costs(easy_net, [(black,), (noisy,)][-frames:], AgentConfig(max_error=max_error))
    assert measured.encodings[1].output_bytes == expected.encodings[1].output_bytes
