"""`Source`: a loaded module with example inputs, from whichever kind of spec."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import nn

from pictures import Preprocess
from split_model.structure import Tree

__all__ = ["Source"]


@dataclass(frozen=True, slots=True)
class Source:
    """A module that is ready to be captured.

    Attributes:
        module: The module, with its weights.
        example_inputs: Positional arguments of a call (a tuple, list or single one), or a mapping of keyword arguments.
        labels: Class names, if the output is a classification.
        postprocess: Makes a value that JSON can represent from the module's return value.
        keywords: Names of the last example inputs, if the module takes these by keyword.
        evaluate: Whether it runs in evaluation mode, whatever its own mode is.
        preprocess: How a picture becomes its input, if it takes pictures and was trained with a certain way.
    """

    module: nn.Module
    example_inputs: Any
    labels: tuple[str, ...] | None = None
    postprocess: Callable[[Tree], Any] | None = None
    keywords: tuple[str, ...] = ()
    evaluate: bool = False
    preprocess: Preprocess | None = None
