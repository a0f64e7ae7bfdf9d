"""Profiles of models: measured on one machine, used to plan on another. `profile_file` stores them."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from dads.errors import ProfileError
from dads.progress import shown

if TYPE_CHECKING:  # numpy and gRPC take a while to import, and reading a file needs none of it
    import split_model


@dataclass(frozen=True, slots=True)
class StoredEncodings:
    """The edge's costs of encodings, measured on frames of a source.

    Attributes:
        max_error: Largest error of outputs, relative to their scale, with which an encoding is allowed.
        wanted_input: The requested encoding of frames, raw or jpeg.
        input_encoding: The allowed one: raw if JPEG changed outputs by more than `max_error`.
        output_bytes: By encoding, raw first, the bytes of each layer's value; inf if it may not use the encoding.
        encode_s: By encoding, the seconds to encode each layer's value.
    """

    max_error: float
    wanted_input: str
    input_encoding: str
    output_bytes: Mapping[str, tuple[float, ...]]
    encode_s: Mapping[str, tuple[float, ...]]


@dataclass(frozen=True, slots=True)
class StoredProfile:
    """One model's measured times on one machine.

    Attributes:
        model: The model's name.
        digest: SHA-256 over the model's graph and weights, in hexadecimal.
        layers: Layer names in graph order.
        layer_s: Seconds of each layer; their sum is about `whole_s`.
        whole_s: Seconds of one run of the whole model.
        device: The device, such as `cpu`.
        torch_version: The version of torch.
        machine: The machine, in words.
        decode_s: By encoding, the seconds to decode each layer's value, for a cloud; empty if not measured.
        encodings: Costs of encodings, for an edge; None if not measured.
        places: The layers' places in the module, for people; empty in files of older versions.
        engine: What ran the layers; torch in files of older versions.
    """

    model: str
    digest: str
    layers: tuple[str, ...]
    layer_s: tuple[float, ...]
    whole_s: float
    device: str
    torch_version: str
    machine: str
    decode_s: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    encodings: StoredEncodings | None = None
    places: tuple[str, ...] = ()
    engine: str = "torch"


def measure_profile(model: split_model.Model, *, repeats: int = 5, anew: bool = False) -> StoredProfile:
    """Measure a model's layers on this machine, with progress on stderr.

    Args:
        model: The model.
        repeats: Runs; each time is their median.
        anew: Whether it is measured even if its profile is kept on this machine.
    """
    import split_model  # noqa: PLC0415 # see above

    with shown(f"profiling {model.name}") as on_progress:
        measured = split_model.profile(model, repeats=repeats, on_progress=on_progress, anew=anew)
    return StoredProfile(
        model=model.name,
        digest=model.digest,
        layers=tuple(layer.name for layer in model.graph.layers),
        layer_s=measured.layer_s,
        whole_s=measured.whole_s,
        device=str(model.device),
        torch_version=model.torch_version,
        engine=model.engine.name,
        places=tuple(model.places[layer.name] for layer in model.graph.layers),
        machine=f"{platform.node()}, {platform.machine()}, {platform.system()} {platform.release()}",
    )


def check_profile_of(profile: StoredProfile, model: split_model.Model, path: Path) -> None:
    """Check that a profile was measured on this model.

    Raises:
        ProfileError: it was measured on another model, or with other weights.
    """
    names = tuple(layer.name for layer in model.graph.layers)
    if profile.digest != model.digest or profile.layers != names:
        raise ProfileError(
            f"{path} is a profile of {profile.model} ({profile.digest[:12]}, {len(profile.layers)} layers), "
            f"not of {model.name} ({model.digest[:12]}, {len(names)} layers); measure it with dads profile"
        )


def check_engine_of(profile: StoredProfile, model: split_model.Model, path: Path) -> None:
    """Check that the times of a profile are those of the engine that runs the model here.

    Raises:
        ProfileError: it was measured in another engine.
    """
    if profile.engine != model.engine.name:
        has_module = model.original is not None  # a model file runs in no other engine
        raise ProfileError(
            f"{path} was measured in the engine {profile.engine}, but {model.name} runs in {model.engine.name} here; "
            f"measure it again with dads profile{f', or give --engine {profile.engine}' if has_module else ''}"
        )
