"""Profiles as JSON files: `dads profile` writes them, other commands read and check them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from dads.errors import ProfileError
from dads.planning.profiles import StoredEncodings, StoredProfile

if TYPE_CHECKING:  # commands that read no file need not import it
    import split_model

ENCODINGS = "encodings.json"
"""The member of a model file with the costs of encodings."""

_FRAME_ENCODINGS = ("raw", "jpeg")


def profile_json(profile: StoredProfile) -> str:
    """Return the text of a profile's file."""
    data = asdict(profile)
    if profile.encodings is not None:
        data["encodings"] = _encodings_data(profile.encodings)
    return json.dumps(data, indent=2) + "\n"


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


def encodings_json(encodings: StoredEncodings) -> bytes:
    """Return the costs of encodings as a model file holds them."""
    return json.dumps(_encodings_data(encodings)).encode()


def encodings_in(model: split_model.Model) -> StoredEncodings | None:
    """Return the costs of encodings in the model's file; None without a file, or if it holds none.

    Raises:
        ProfileError: they are not what `dads export` writes.
    """
    held = model.extra(ENCODINGS)  # noqa: S610 # a member of a file; Django is not here
    if held is None:
        return None
    layers = tuple(layer.name for layer in model.graph.layers)
    try:
        return _encodings_of(_object(json.loads(held), "encodings"), layers)
    except ValueError as error:
        raise ProfileError(f"{ENCODINGS} in {model.name}: {error}; export the model again with dads export") from error


def _encodings_data(encodings: StoredEncodings) -> dict[str, object]:
    """As JSON; infinite bytes, of tensors that may not be sent, are null."""
    output_bytes = {
        name: [size if math.isfinite(size) else None for size in sizes]
        for name, sizes in encodings.output_bytes.items()
    }
    return asdict(encodings) | {"output_bytes": output_bytes}


def _profile_of(data: Mapping[str, object]) -> StoredProfile:
    names = data.get("layers")
    if not (isinstance(names, list) and all(isinstance(name, str) for name in names)):
        raise ValueError("layers must be a list of names")
    layers = tuple(map(str, names))
    encodings = data.get("encodings")
    return StoredProfile(
        model=_text(data, "model"),
        digest=_text(data, "digest"),
        layers=layers,
        layer_s=_of_layers(data.get("layer_s"), "layer_s", layers),
        whole_s=_number(data.get("whole_s"), "whole_s"),
        device=_text(data, "device"),
        torch_version=_text(data, "torch_version"),
        machine=_text(data, "machine"),
        # Files of older versions have neither.
        decode_s=_by_encoding(data.get("decode_s", {}), "decode_s", layers),
        engine=_text({"engine": "torch", **data}, "engine"),
        places=tuple(map(str, places)) if isinstance(places := data.get("places"), list) else (),
        encodings=None if encodings is None else _encodings_of(_object(encodings, "encodings"), layers),
    )


def _encodings_of(data: Mapping[str, object], layers: tuple[str, ...]) -> StoredEncodings:
    found = StoredEncodings(
        max_error=_number(data.get("max_error"), "max_error of encodings"),
        wanted_input=_frame_encoding(data, "wanted_input"),
        input_encoding=_frame_encoding(data, "input_encoding"),
        output_bytes=_by_encoding(data.get("output_bytes"), "output_bytes", layers, missing=math.inf),
        encode_s=_by_encoding(data.get("encode_s"), "encode_s", layers),
    )
    if next(iter(found.output_bytes), None) != "raw" or list(found.encode_s) != list(found.output_bytes):
        raise ValueError("output_bytes and encode_s must be of the same encodings, raw first")
    return found


def _by_encoding(
    value: object, what: str, layers: tuple[str, ...], *, missing: float | None = None
) -> dict[str, tuple[float, ...]]:
    """Check numbers by encoding; `missing` replaces null, if that is allowed."""
    return {
        name: _of_layers(numbers, f"{what} in {name}", layers, missing=missing)
        for name, numbers in _object(value, what).items()
    }


def _of_layers(value: object, what: str, layers: tuple[str, ...], *, missing: float | None = None) -> tuple[float, ...]:
    if not isinstance(value, list) or len(value) != len(layers):
        raise ValueError(f"{what} must be a list of {len(layers)} numbers, one for each layer")
    return tuple(
        missing if number is None and missing is not None else _number(number, f"{what} of {name}")
        for name, number in zip(layers, value, strict=True)
    )


def _object(value: object, what: str) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise ValueError(f"{what} must be an object")  # noqa: TRY004 # all of a file's faults are one kind of error
    return value


def _text(data: Mapping[str, object], key: str) -> str:
    value = data.get(key)
    if not isinstance(value, str):
        raise ValueError(f"{key} must be a text")  # noqa: TRY004 # see _object
    return value


def _frame_encoding(data: Mapping[str, object], key: str) -> str:
    value = _text(data, key)
    if value not in _FRAME_ENCODINGS:
        raise ValueError(f"{key} must be one of {', '.join(_FRAME_ENCODINGS)}, not {value!r}")
    return value


def _number(value: object, what: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise ValueError(f"{what} must be a number, 0 or more, not {value!r}")
    return float(value)
