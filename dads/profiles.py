"""Profiles of models as JSON files: measured on one machine, used to plan on another."""

from __future__ import annotations

import json
import math
import platform
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dads.errors import ProfileError
from dads.progress import shown

if TYPE_CHECKING:  # torch takes seconds to import, and reading a file needs none of it
    import models


@dataclass(frozen=True, slots=True)
class StoredProfile:
    """One model's measured times on one machine.

    Attributes:
        model: The model's name.
        digest: SHA-256 over the model's graph and weights, in hexadecimal.
        layers: Layer names in graph order.
        layer_s: Seconds of each layer; their sum is about `whole_s`.
        whole_s: Seconds of one run of the whole model.
        device: Where it ran, such as `cpu`.
        torch_version: torch's version there.
        machine: The machine, in words.
    """

    model: str
    digest: str
    layers: tuple[str, ...]
    layer_s: tuple[float, ...]
    whole_s: float
    device: str
    torch_version: str
    machine: str


def measure_profile(model: models.Model, *, repeats: int = 5) -> StoredProfile:
    """Measure a model's layers on this machine, with progress on stderr."""
    import models  # noqa: PLC0415 # see above

    with shown(f"profiling {model.name}") as on_progress:
        measured = models.profile(model, repeats=repeats, on_progress=on_progress)
    return StoredProfile(
        model=model.name,
        digest=model.digest,
        layers=tuple(layer.name for layer in model.graph.layers),
        layer_s=measured.layer_s,
        whole_s=measured.whole_s,
        device=str(model.device),
        torch_version=model.torch_version,
        machine=f"{platform.node()}, {platform.machine()}, {platform.system()} {platform.release()}",
    )


def profile_json(profile: StoredProfile) -> str:
    """Return the profile as a file holds it."""
    return json.dumps(asdict(profile), indent=2) + "\n"


def read_profile(path: Path) -> StoredProfile:
    """Read and check a profile.

    Raises:
        ProfileError: the file does not hold a profile; the message names the field.
        OSError: the file cannot be read.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ProfileError(f"{path} is not JSON ({error}); expected a file written by dads profile") from error
    if not isinstance(data, dict):
        raise ProfileError(f"{path} does not hold a JSON object; expected a file written by dads profile")
    try:
        return _profile_of(data)
    except ValueError as error:
        raise ProfileError(f"{path}: {error}; measure it again with dads profile") from error


def check_profile_of(profile: StoredProfile, model: models.Model, path: Path) -> None:
    """Check that a profile was measured on this very model.

    Raises:
        ProfileError: it was measured on another model, or on other weights.
    """
    names = tuple(layer.name for layer in model.graph.layers)
    if profile.digest != model.digest or profile.layers != names:
        raise ProfileError(
            f"{path} is a profile of {profile.model} ({profile.digest[:12]}, {len(profile.layers)} layers), "
            f"not of {model.name} ({model.digest[:12]}, {len(names)} layers); measure it with dads profile"
        )


def _profile_of(data: dict[str, object]) -> StoredProfile:
    layers = _list(data, "layers")
    layer_s = _list(data, "layer_s")
    if not all(isinstance(name, str) for name in layers):
        raise ValueError("layers must be a list of names")
    if len(layer_s) != len(layers):
        raise ValueError(f"layer_s has {len(layer_s)} numbers for {len(layers)} layers")
    return StoredProfile(
        model=_text(data, "model"),
        digest=_text(data, "digest"),
        layers=tuple(map(str, layers)),
        layer_s=tuple(_seconds(value, f"layer_s of {name}") for name, value in zip(layers, layer_s, strict=True)),
        whole_s=_seconds(data.get("whole_s"), "whole_s"),
        device=_text(data, "device"),
        torch_version=_text(data, "torch_version"),
        machine=_text(data, "machine"),
    )


def _list(data: dict[str, object], key: str) -> list[object]:
    value = data.get(key)
    if not isinstance(value, list):
        raise ValueError(f"{key} must be a list")  # noqa: TRY004 # all of a file's faults are one kind of error
    return value


def _text(data: dict[str, object], key: str) -> str:
    value = data.get(key)
    if not isinstance(value, str):
        raise ValueError(f"{key} must be a text")  # noqa: TRY004 # see _list
    return value


def _seconds(value: object, what: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise ValueError(f"{what} must be a number of seconds, 0 or more, not {value!r}")
    return float(value)
