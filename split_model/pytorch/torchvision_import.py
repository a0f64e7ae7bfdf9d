"""Makes torchvision importable, also beside a torch without CUDA; our own code imports it only through this module.

The torchvision wheel on PyPI is built for CUDA. With a CPU torch its compiled operators do not load, and its import
fails, because it registers a Python kernel for `torchvision::nms`. Declaring the two schemas before the import avoids
that. Detectors call the operators, so plain ones take their place (`split_model.pytorch.torchvision_ops`) as soon as
anybody has imported them: a user's function may do so when it runs for the first time.
"""

import importlib
import importlib.util
import sys
from collections.abc import Callable, Sequence
from functools import cache
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import EXTENSION_SUFFIXES, ModuleSpec
from pathlib import Path
from types import ModuleType

import torch

from split_model.errors import ModelError
from split_model.pytorch.torchvision_ops import use_plain_operators

__all__ = ["make_importable", "torchvision_models"]

_SCHEMAS = ("nms", "qnms")


@cache
def torchvision_models() -> ModuleType:
    """`torchvision.models`, imported at the first call.

    Raises:
        ModelError: torchvision is missing, or does not fit the torch that is installed.
    """
    make_importable()
    try:
        return importlib.import_module("torchvision.models")
    except ImportError as error:
        raise ModelError(
            f"torchvision cannot be imported: {error}; install the one that fits torch {torch.__version__}"
        ) from error
    except Exception as error:  # mismatched versions raise errors of any type
        raise ModelError(f"torchvision does not fit torch {torch.__version__}: {error}") from error


@cache
def make_importable() -> None:
    """Declares the operators that torchvision's import needs, if its own library cannot; imports nothing.

    Its library is tried first: had we declared the operators, one that does load would end the process.
    """
    found = importlib.util.find_spec("torchvision")
    if found is None or found.origin is None:
        return
    libraries = [Path(found.origin).with_name(f"_C{suffix}") for suffix in (*EXTENSION_SUFFIXES, ".so")]
    for library in libraries:
        if library.is_file():
            try:
                torch.ops.load_library(library)  # type: ignore[no-untyped-call]  # torch leaves it untyped
            except OSError:
                continue
            return
    _declare_schemas()
    if "torchvision.ops" in sys.modules:
        use_plain_operators()
    else:
        sys.meta_path.insert(0, _Then("torchvision.ops", use_plain_operators))


class _Then(MetaPathFinder, Loader):
    """Calls a function as soon as a module has been imported.

    Args:
        name: The module's name.
        function: Called once.
    """

    def __init__(self, name: str, function: Callable[[], object]) -> None:
        self._name = name
        self._function = function
        self._loader: Loader | None = None

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,  # noqa: ARG002  # as importlib has it
        target: ModuleType | None = None,  # noqa: ARG002  # likewise
    ) -> ModuleSpec | None:
        """The module's own specification, loaded by this object."""
        if fullname != self._name:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec is not None:
            self._loader, spec.loader = spec.loader, self
        return spec

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """As the module's own loader does."""
        return None if self._loader is None else self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        """Runs the module's own loader, then the function."""
        assert self._loader is not None  # noqa: S101  # this object loads only what it found
        module.__loader__ = self._loader
        self._loader.exec_module(module)
        self._function()


def _declare_schemas() -> None:
    library = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]  # torch leaves it untyped
    for name in _SCHEMAS:
        if not hasattr(torch.ops.torchvision, name):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")  # type: ignore[no-untyped-call]  # torch leaves it untyped
    _kept.append(library)


_kept: list[torch.library.Library] = []  # a library's schemas are removed when it is garbage collected
