"""The networks known by name, which are the package `models`: imported when a spec asks for one, and never before.

`models` is what many repositories call a package of their own. Where one of those stands in front on Python's path, it
is left alone, and whoever asks for a network by name is told.
"""

import importlib
import importlib.util
from pathlib import Path
from types import ModuleType

from split_model.errors import ShadowedNetworksError

__all__ = ["FAMILIES", "networks"]

FAMILIES = ("zoo", "torchvision")
"""What comes before the colon of a spec that names a network."""


def networks() -> ModuleType:
    """The package `models` that was installed beside this one.

    Raises:
        ShadowedNetworksError: Python finds another `models` first, or none. It is not imported.
    """
    ours = Path(__file__).resolve().parent.parent / "models"
    spec = importlib.util.find_spec("models")
    found = None if spec is None or spec.origin is None else Path(spec.origin).resolve().parent
    if found != ours:
        where = "none is installed" if spec is None else f"Python finds {found or 'a folder without __init__.py'} first"
        raise ShadowedNetworksError(
            f"zoo: and torchvision: specs need this project's package `models` in {ours}, but {where}; start from "
            "another folder, take that folder off PYTHONPATH, or name your network as `package.module:factory`"
        )
    return importlib.import_module("models")
