"""Nested values in JSON: nestings, the keys in them, and the fixed values of leaves that are no tensors.

Named tuples come back as new classes of the same name and fields. Registered types, such as dataclasses, come back as
dictionaries (`Nesting.plain`): the types themselves are code.
"""

import math
from collections import OrderedDict, namedtuple
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from split_model.errors import ModelFileError, UnsupportedModelError
from split_model.model_file.layout import MOST_NESTED
from split_model.structure import LEAF, Nesting

__all__ = ["FixedJson", "Json", "NestingJson", "fixed_json", "fixed_of", "nesting_json", "nesting_of"]


class Json(BaseModel):
    """An object of the file's JSON: exactly these members, of exactly these types."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)


class FloatJson(Json):
    """A number that JSON has no form for."""

    float: Literal["nan", "inf", "-inf"]


class ComplexJson(Json):
    """A complex number: real and imaginary part."""

    complex: tuple[float | FloatJson, float | FloatJson]


FixedJson = bool | int | float | str | FloatJson | ComplexJson | None
_Kind = Literal["tuple", "list", "dict", "ordered", "named"]
Key = bool | int | float | str | None


class NestingJson(Json):
    """One level of a nesting; a leaf is `null`.

    Attributes:
        kind: `dict` keeps the order of its keys, as `ordered` (an `OrderedDict`) does; `named` is a named tuple.
        keys: The keys of a dictionary, the field names of a named tuple; none for tuples and lists.
        name: The class name of a named tuple.
        parts: What is nested in it.
    """

    kind: _Kind
    keys: tuple[Key, ...] = ()
    name: Annotated[str, Field(max_length=200)] | None = None
    parts: tuple["NestingJson | None", ...]


_KINDS: dict[_Kind, type] = {"tuple": tuple, "list": list, "dict": dict, "ordered": OrderedDict}
_NAMES = {kind: name for name, kind in _KINDS.items()}


def nesting_json(nesting: Nesting) -> NestingJson | None:
    """The JSON of a nesting.

    Raises:
        UnsupportedModelError: It is too deep, or has keys that are neither numbers nor texts.
    """
    return _plain_json(nesting.plain, 0)


def _plain_json(nesting: Nesting, depth: int) -> NestingJson | None:
    kind = nesting.kind
    if kind is None:
        return None
    if depth >= MOST_NESTED:
        raise UnsupportedModelError(f"values are nested deeper than {MOST_NESTED} levels, the most in a model file")
    parts = tuple(_plain_json(part, depth + 1) for part in nesting.parts)
    if kind is tuple or kind is list:
        return NestingJson(kind=_NAMES[kind], parts=parts)
    for key in nesting.keys:
        if not (key is None or type(key) in {bool, int, str} or (type(key) is float and math.isfinite(key))):
            raise UnsupportedModelError(
                f"the key {key!r:.60} is neither a number nor a text, as keys in a model file are"
            )
    if kind in _NAMES:
        return NestingJson(kind=_NAMES[kind], keys=nesting.keys, parts=parts)
    return NestingJson(kind="named", keys=nesting.keys, name=kind.__name__, parts=parts)


def nesting_of(json: NestingJson | None, depth: int = 0) -> Nesting:
    """The nesting of JSON.

    Raises:
        ModelFileError: Keys that are repeated, or do not fit the parts; too many levels.
    """
    if json is None:
        return LEAF
    if depth >= MOST_NESTED:
        raise ModelFileError(f"values are nested deeper than {MOST_NESTED} levels")
    parts = tuple(nesting_of(part, depth + 1) for part in json.parts)
    is_sequence = json.kind in {"tuple", "list"}
    keys = tuple(range(len(parts))) if is_sequence and not json.keys else json.keys
    if (is_sequence and json.keys) or len(set(keys)) != len(keys) or len(keys) != len(parts):
        raise ModelFileError(f"a nested {json.kind} of {len(parts)} parts has the keys {list(json.keys)!r:.80}")
    if (json.name is None) == (json.kind == "named"):
        raise ModelFileError(f"a nested {json.kind} has the name {json.name!r}: named tuples have one, and only they")
    return Nesting(_named_tuple(json) if json.kind == "named" else _KINDS[json.kind], keys, parts)


def _named_tuple(json: NestingJson) -> type:
    fields = [key for key in json.keys if isinstance(key, str)]
    try:  # it refuses what is no identifier
        made: type = namedtuple(json.name or "", fields)  # type: ignore[misc]  # its name and fields are data
    except ValueError as error:
        raise ModelFileError(f"a named tuple cannot be made: {error}") from error
    if len(fields) != len(json.keys):
        raise ModelFileError(f"the fields of the named tuple {json.name!r} are not all texts")
    return made


def fixed_json(value: object, what: str) -> FixedJson:
    """The JSON of a leaf that is no tensor.

    Raises:
        UnsupportedModelError: It is no number, text or `None`; the message begins with `what`.
    """
    if value is None or type(value) in {bool, int, str}:
        return value  # type: ignore[return-value]  # narrowed by its exact type
    if type(value) is float:
        return _float_json(value)
    if type(value) is complex:
        return ComplexJson(complex=(_float_json(value.real), _float_json(value.imag)))
    raise UnsupportedModelError(f"{what} is {value!r:.60}: a model file holds tensors, numbers, texts and None")


def fixed_of(json: FixedJson) -> object:
    """The value of a leaf that is no tensor."""
    if isinstance(json, FloatJson):
        return float(json.float)
    if isinstance(json, ComplexJson):
        real, imaginary = (float(part.float) if isinstance(part, FloatJson) else part for part in json.complex)
        return complex(real, imaginary)
    return json


def _float_json(value: float) -> float | FloatJson:
    if math.isfinite(value):
        return value
    return FloatJson(float="nan" if math.isnan(value) else "inf" if value > 0 else "-inf")
