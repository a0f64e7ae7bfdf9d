"""`Source`: a loaded module with example inputs, from whichever kind of spec."""

from dataclasses import dataclass
from typing import Any

from torch import nn

__all__ = ["Source"]


@dataclass(frozen=True, slots=True)
class Source:
    """A module that is ready to be captured.

    Attributes:
        module: The module in evaluation mode, with its weights.
        example_inputs: Positional arguments of a call.
        labels: Class names, if the output is a classification.
    """

    module: nn.Module
    example_inputs: tuple[Any, ...]
    labels: tuple[str, ...] | None = None
