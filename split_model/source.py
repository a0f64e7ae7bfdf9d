"""`Source`: a loaded module with example inputs, from whichever kind of spec."""

from dataclasses import dataclass
from typing import Any

from torch import nn

__all__ = ["Source"]


@dataclass(frozen=True, slots=True)
class Source:
    """A module that is ready to be captured.

    Attributes:
        module: The module, with its weights.
        example_inputs: Positional arguments of a call (a tuple, list or single one), or a mapping of keyword arguments.
        labels: Class names, if the output is a classification.
        keywords: Names of the last example inputs, if the module takes these by keyword.
        evaluate: Whether it runs in evaluation mode, whatever its own mode is.
    """

    module: nn.Module
    example_inputs: Any
    labels: tuple[str, ...] | None = None
    keywords: tuple[str, ...] = ()
    evaluate: bool = False
