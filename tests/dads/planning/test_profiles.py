import json
import math
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from dads.errors import ProfileError
from dads.planning.profile_file import profile_json, read_profile
from dads.planning.profiles import StoredEncodings, StoredProfile, check_engine_of, check_profile_of

PROFILE = StoredProfile(
    model="zoo:small",
    digest="ab" * 32,
    layers=("x", "conv"),
    layer_s=(0.0, 0.25),
    whole_s=0.25,
    device="cpu",
    torch_version="2.13.0",
    machine="a desk",
    decode_s={"raw": (0.0, 0.001), "zstd": (0.001, 0.002)},
    encodings=StoredEncodings(
        max_error=0.02,
        wanted_input="jpeg",
        input_encoding="raw",
        output_bytes={"raw": (100.0, 200.0), "float16": (100.0, math.inf)},
        encode_s={"raw": (0.0, 0.0), "float16": (0.0, 0.001)},
    ),
)


def write(tmp_path, **changes):
    data = json.loads(profile_json(PROFILE)) | changes
    path = tmp_path / "profile.json"
    path.write_text(json.dumps({key: value for key, value in data.items() if value != "removed"}))
    return path


def write_encodings(tmp_path, **changes):
    return write(tmp_path, encodings=json.loads(profile_json(PROFILE))["encodings"] | changes)


def model_of(profile):
    layers = tuple(SimpleNamespace(name=name) for name in profile.layers)
    return SimpleNamespace(name=profile.model, digest=profile.digest, graph=SimpleNamespace(layers=layers))


def test_what_is_written_is_read(tmp_path):
    assert read_profile(write(tmp_path)) == PROFILE


def test_files_are_json_that_everybody_reads(tmp_path):
    """Not so: NaN and Infinity."""

    def refuse(constant):
        raise AssertionError(constant)

    data = json.loads(write(tmp_path).read_text(), parse_constant=refuse)
    assert data["encodings"]["output_bytes"]["float16"] == [100.0, None]


def test_files_without_encodings_are_read(tmp_path):
    path = write(tmp_path, decode_s="removed", encodings="removed")
    assert read_profile(path) == replace(PROFILE, decode_s={}, encodings=None)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"layers": "removed"}, "layers"),
        ({"layers": ["x", 3]}, "layers"),
        ({"layer_s": [0.1]}, "layer_s"),
        ({"layer_s": [0.1, -1]}, "conv"),
        ({"layer_s": [0.1, float("nan")]}, "conv"),
        ({"layer_s": [0.1, float("inf")]}, "conv"),
        ({"layer_s": [0.1, True]}, "conv"),
        ({"layer_s": [0.1, "0.2"]}, "conv"),
        ({"whole_s": "removed"}, "whole_s"),
        ({"digest": 7}, "digest"),
        ({"device": "removed"}, "device"),
        ({"decode_s": [0.1, 0.1]}, "decode_s"),
        ({"decode_s": {"raw": [0.1]}}, "decode_s in raw"),
        ({"decode_s": {"raw": [0.1, None]}}, "decode_s in raw of conv"),
        ({"encodings": 3}, "encodings"),
    ],
)
def test_a_broken_field_is_named(tmp_path, changes, named):
    with pytest.raises(ProfileError, match=named):
        read_profile(write(tmp_path, **changes))


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"max_error": None}, "max_error"),
        ({"wanted_input": "png"}, "wanted_input"),
        ({"input_encoding": 1}, "input_encoding"),
        ({"output_bytes": {"raw": [1, 2], "zstd": [1, -2]}}, "output_bytes in zstd of conv"),
        ({"output_bytes": {"float16": [1, 2], "raw": [1, 2]}}, "raw first"),
        ({"encode_s": {"raw": [0, 0]}}, "same encodings"),
        ({"encode_s": {"raw": [0, 0], "float16": [0, None]}}, "encode_s in float16 of conv"),
    ],
)
def test_a_broken_field_of_the_encodings_is_named(tmp_path, changes, named):
    with pytest.raises(ProfileError, match=named):
        read_profile(write_encodings(tmp_path, **changes))


@pytest.mark.parametrize("content", [b"", b"[]", b"layers: 3", b"\xff\xfe", b"null"])
def test_what_is_no_profile_is_told(tmp_path, content):
    path = tmp_path / "other.json"
    path.write_bytes(content)
    with pytest.raises(ProfileError, match="dads profile"):
        read_profile(path)


def test_a_profile_of_the_model_passes():
    check_profile_of(PROFILE, model_of(PROFILE), Path("p.json"))


def test_a_profile_of_other_weights_is_refused():
    other = model_of(PROFILE)
    other.digest = "cd" * 32
    with pytest.raises(ProfileError, match=r"p\.json"):
        check_profile_of(PROFILE, other, Path("p.json"))


@pytest.mark.parametrize(
    ("original", "said"), [(object(), r"or give --engine torch$"), (None, r"again with dads profile$")]
)
def test_another_engine_is_advised_only_where_there_is_a_module(original, said):
    """A model file runs in ONNX Runtime alone."""
    model = SimpleNamespace(name="file:a.dads", engine=SimpleNamespace(name="onnx"), original=original)
    with pytest.raises(ProfileError, match=said):
        check_engine_of(PROFILE, model, Path("p.json"))
