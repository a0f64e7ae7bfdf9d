"""Any value of a program's own as a value that JSON can represent: tensors and arrays as lists, NaN as null."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from split_model.values import is_tensor

__all__ = ["finite", "json_value"]

_EXPECTED = "expected numbers, texts, None, tensors and arrays, in lists and dictionaries"
_KEYS = (str, int)


def finite(number: float) -> float | None:
    """None for infinities and NaN, which are no JSON, although Python would write them."""
    return number if math.isfinite(number) else None


def json_value(value: Any, place: str = "it") -> Any:  # noqa: ANN401 # JSON has no type of its own
    """The same value as `json.dumps(..., allow_nan=False)` takes it.

    Args:
        value: numbers, texts and None, those of numpy and torch too, in lists, tuples and dictionaries.
        place: what errors call the value.

    Raises:
        TypeError: a value is of another kind; the message names its place.
        RecursionError: the value holds itself.
    """
    if is_tensor(value):
        value = value.detach().tolist()
    elif isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return finite(float(value))
    if isinstance(value, list | tuple):
        return [json_value(item, f"{place}[{number}]") for number, item in enumerate(value)]
    if isinstance(value, Mapping):
        return _object(value, place)
    raise TypeError(f"{place} is {_kind(value)}; {_EXPECTED}")


def _object(value: Mapping[Any, Any], place: str) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for key, item in value.items():
        plain = key.item() if isinstance(key, np.generic) else key
        if not isinstance(plain, _KEYS):
            raise TypeError(f"a key of {place} is {_kind(key)}; expected a text or an integer")
        if str(plain) in made:
            raise TypeError(f"{place} has two keys that are written {str(plain)!r} in JSON; expected different ones")
        made[str(plain)] = json_value(item, f"{place}[{plain!r}]")
    return made


def _kind(value: object) -> str:
    name = type(value).__name__
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"
