"""`named_rest`: the numpy function for a `RestForm`, chosen from a list and checked before its first use."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from functools import partial
from math import isfinite
from typing import Any

import numpy as np

from split_model.errors import ModelError
from split_model.rests.form import RestForm
from split_model.rests.single_stage import Found, Settings, fcos, retinanet, ssd
from split_model.values import Array

__all__ = ["RESTS", "NumpyRest", "named_rest"]

NumpyRest = Callable[[Sequence[Array]], tuple[Array, ...]]
"""Takes what the trunk returns, leaf by leaf; returns the tensors of the rest's value."""

_Rest = Callable[[Mapping[str, Any], Settings], Found]

RESTS: Mapping[str, tuple[_Rest, frozenset[str]]] = {
    "torchvision-fcos": (fcos, frozenset({"bbox_ctrness", "bbox_regression", "cls_logits"})),
    "torchvision-retinanet": (retinanet, frozenset({"bbox_regression", "cls_logits"})),
    "torchvision-ssd": (ssd, frozenset({"bbox_regression", "cls_logits"})),
}
"""By name: the function, and the names of the heads that it takes."""

_AGAIN = "export the model again"


def named_rest(form: RestForm) -> NumpyRest:
    """The function that a form describes.

    Raises:
        ModelError: The name is unknown, or a number is missing or of another type.
    """
    if form.name not in RESTS:
        raise ModelError(f"unknown rest {form.name!r}; expected one of {', '.join(sorted(RESTS))}: {_AGAIN}")
    function, heads = RESTS[form.name]
    given = form.numbers.get("heads")
    if not isinstance(given, list) or len(given) != len(heads) or not heads.issuperset(map(str, given)):
        raise ModelError(f"the rest {form.name!r} takes {', '.join(sorted(heads))}; got {given!r:.80}: {_AGAIN}")
    if len(form.takes) != len(given):
        raise ModelError(f"the rest {form.name!r} takes {len(given)} values; got {len(form.takes)}: {_AGAIN}")
    return partial(_run, function, tuple(map(str, given)), _settings(form))


def _run(function: _Rest, names: Sequence[str], settings: Settings, leaves: Sequence[Array]) -> tuple[Array, ...]:
    heads = dict(zip(names, leaves, strict=True))
    shapes = {name: head.shape for name, head in heads.items()}
    if any(len(shape) != 3 or shape[1] != len(settings.anchors) for shape in shapes.values()):
        raise ValueError(f"expected {len(settings.anchors)} rows in each head, one per anchor; got {shapes}")
    return function(heads, settings)


def _settings(form: RestForm) -> Settings:
    given = {field.name: form.numbers[field.name] for field in fields(Settings) if field.name in form.numbers}
    try:
        settings = Settings(anchors=np.asarray(form.arrays["anchors"], np.float32), **given)
        is_fit = all(_is_like(getattr(settings, name), example) for name, example in _LIKE.items())
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(f"the rest {form.name!r} lacks a setting ({error}); {_AGAIN}") from error
    shape, wanted = settings.anchors.shape, sum(settings.levels) if is_fit else 0
    if not is_fit or shape != (wanted, 4):
        raise ModelError(
            f"the settings of the rest {form.name!r} do not fit: {given!r:.200}, anchors {shape}; {_AGAIN}"
        )
    return settings


_LIKE: Mapping[str, Any] = {
    "levels": [1],
    "least_score": 0.5,
    "overlap": 0.5,
    "candidates": 1,
    "most": 1,
    "resized": [1, 1],
    "picture": [1, 1],
    "weights": [1.0, 1.0, 1.0, 1.0],
    "largest": 0.5,
    "by_size": True,
}
"""A value of each setting; those of a form must be of its type, and if it has several numbers, as many."""


def _is_like(value: object, example: object) -> bool:
    if isinstance(example, list):
        if not isinstance(value, list | tuple) or not value:
            return False
        return (len(example) in {1, len(value)}) and all(_is_like(each, example[0]) for each in value)
    if isinstance(example, bool):
        return isinstance(value, bool)
    if isinstance(example, int):
        return type(value) is int and value > 0
    return isinstance(value, int | float) and type(value) is not bool and isfinite(value)
