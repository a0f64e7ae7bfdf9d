"""`BoxesForJson`: what a detector returns as lists for JSON, with names of labels; from tensors or arrays."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from split_model.errors import ModelError
from split_model.structure import Tree
from split_model.values import carried

__all__ = ["BoxesForJson", "named_postprocess"]


@dataclass(frozen=True, slots=True)
class BoxesForJson:
    """Makes boxes for JSON from the return value of a torchvision detector.

    Attributes:
        categories: Names of the labels, by index.
    """

    categories: tuple[str, ...]

    @property
    def name(self) -> str:
        """The name by which `named_postprocess` finds it."""
        return "torchvision-boxes"

    @property
    def parameters(self) -> dict[str, Any]:
        """What `named_postprocess` needs besides the name, as JSON has it."""
        return {"categories": list(self.categories)}

    def __call__(self, outputs: Tree) -> dict[str, list[Any]]:
        """Boxes as x1, y1, x2, y2 in pixels, labels by name, scores; and key points as x, y, visibility."""
        (found,) = outputs
        made: dict[str, list[Any]] = {
            "boxes": _rounded(found["boxes"], 2),
            "labels": [self._label(index) for index in carried(found["labels"]).tolist()],
            "scores": _rounded(found["scores"], 4),
        }
        if "keypoints" in found:
            made["keypoints"] = _rounded(found["keypoints"], 2)
        return made

    def _label(self, index: int) -> str:
        return self.categories[index] if 0 <= index < len(self.categories) else str(index)


def named_postprocess(name: str, parameters: Mapping[str, Any]) -> BoxesForJson:
    """What makes a value for JSON, by name.

    Raises:
        ModelError: The name is unknown, or a parameter is missing or of another type.
    """
    categories = parameters.get("categories")
    if name != "torchvision-boxes":
        raise ModelError(f"unknown postprocess {name!r}; expected 'torchvision-boxes': export the model again")
    if not (isinstance(categories, Sequence) and all(isinstance(each, str) for each in categories)):
        raise ModelError("'torchvision-boxes' needs the categories' names: export the model again")
    return BoxesForJson(tuple(categories))


def _rounded(tensor: object, digits: int) -> list[Any]:
    rounded: list[Any] = np.round(carried(tensor).astype(np.float64), digits).tolist()
    return rounded
