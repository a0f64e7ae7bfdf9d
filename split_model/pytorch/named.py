"""Imports the package `models`, which has the networks known by name, when a spec names one.

Many repositories have a package `models` of their own. If Python finds such a package first, it is not imported, and a
spec that names a network raises an error.
"""

import importlib
import importlib.util
from pathlib import Path
from types import ModuleType

from split_model.errors import ShadowedNetworksError

__all__ = ["FAMILIES", "networks"]

FAMILIES = ("zoo", "torchvision")
"""The prefixes of specs that name a network."""


def networks() -> ModuleType:
    """The package `models` that is installed beside this one.

    Raises:
        ShadowedNetworksError: Python finds another `models` first, which is not imported, or none.
    """
    ours = Path(__file__).resolve().parents[2] / "models" / "__init__.py"
    spec = importlib.util.find_spec("models")
    found = None if spec is None or spec.origin is None else Path(spec.origin).resolve()
    if found != ours:
        where = "none is installed" if spec is None else f"Python finds {found or 'a folder without __init__.py'} first"
        raise ShadowedNetworksError(
            f"zoo: and torchvision: specs need this project's package `models`, {ours}, but {where}; start from "
            "another folder, take that folder off PYTHONPATH, or name your network as `package.module:factory`"
        )
    return importlib.import_module("models")
