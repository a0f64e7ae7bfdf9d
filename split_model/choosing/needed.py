"""Imports what needs torch or ONNX Runtime when it is needed; a missing package is named with its remedy."""

import importlib
from typing import Any

from split_model.errors import MissingExtraError

__all__ = ["of_onnx", "of_torch"]

_OF_TORCH = {"torch", "torchvision", "sympy"}
_OF_ONNX = {"onnx", "onnxruntime"}


def of_torch(name: str) -> Any:  # noqa: ANN401  # a module
    """A module of this package that imports torch.

    Raises:
        MissingExtraError: torch is not installed.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name not in _OF_TORCH:
            raise
        raise MissingExtraError(
            f"this model needs {error.name}, which is not installed: pip install 'dads[torch]'; or export it where it "
            "is, `dads export MODEL -o MODEL.dads`, and load `file:MODEL.dads` here"
        ) from error


def of_onnx(name: str) -> Any:  # noqa: ANN401  # a module
    """A module of this package that imports onnx or ONNX Runtime.

    Raises:
        MissingExtraError: One of them is not installed.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name not in _OF_ONNX:
            raise
        raise MissingExtraError(
            f"the engine onnx needs {error.name}, which is not installed: pip install {error.name}"
        ) from error
