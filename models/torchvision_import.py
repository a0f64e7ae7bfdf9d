"""Imports torchvision, also beside a torch without CUDA; no other module imports it.

The torchvision wheel on PyPI is built for CUDA. With a CPU torch its compiled operators do not load, and its import
fails, because it registers a Python kernel for `torchvision::nms`. Declaring the two schemas before the import avoids
that; no classifier or segmentation model calls these operators.
"""

import importlib
from functools import cache
from types import ModuleType

import torch

from split_model.errors import ModelError

__all__ = ["torchvision_models"]

_SCHEMAS = ("nms", "qnms")


@cache
def torchvision_models() -> ModuleType:
    """`torchvision.models`, imported at the first call.

    Raises:
        ModelError: torchvision is missing, or does not fit the torch that is installed.
    """
    try:
        return importlib.import_module("torchvision.models")
    except RuntimeError:  # "operator torchvision::nms does not exist"
        _declare_schemas()
    except ImportError as error:
        raise ModelError(
            f"torchvision cannot be imported: {error}; install the one that fits torch {torch.__version__}"
        ) from error
    try:
        return importlib.import_module("torchvision.models")
    except Exception as error:  # mismatched versions raise errors of any type
        raise ModelError(f"torchvision does not fit torch {torch.__version__}: {error}") from error


def _declare_schemas() -> None:
    library = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]  # torch leaves it untyped
    for name in _SCHEMAS:
        if not hasattr(torch.ops.torchvision, name):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")  # type: ignore[no-untyped-call]  # torch leaves it untyped
    _kept.append(library)


_kept: list[torch.library.Library] = []  # a library's schemas are removed when it is garbage collected
