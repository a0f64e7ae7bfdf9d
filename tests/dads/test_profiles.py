import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from dads.errors import ProfileError
from dads.profiles import StoredProfile, check_profile_of, profile_json, read_profile

PROFILE = StoredProfile(
    model="zoo:small",
    digest="ab" * 32,
    layers=("x", "conv"),
    layer_s=(0.0, 0.25),
    whole_s=0.25,
    device="cpu",
    torch_version="2.13.0",
    machine="a desk",
)


def write(tmp_path, **changes):
    data = json.loads(profile_json(PROFILE)) | changes
    path = tmp_path / "profile.json"
    path.write_text(json.dumps({key: value for key, value in data.items() if value != "removed"}))
    return path


def model_of(profile):
    layers = tuple(SimpleNamespace(name=name) for name in profile.layers)
    return SimpleNamespace(name=profile.model, digest=profile.digest, graph=SimpleNamespace(layers=layers))


def test_what_is_written_is_read(tmp_path):
    assert read_profile(write(tmp_path)) == PROFILE


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
    ],
)
def test_a_broken_field_is_named(tmp_path, changes, named):
    with pytest.raises(ProfileError, match=named):
        read_profile(write(tmp_path, **changes))


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
