"""Builds a network from the family and the name in its spec, and lists all networks."""

from collections.abc import Mapping
from pathlib import Path

from models import torchvision_models, zoo
from split_model.pytorch.source import Source

__all__ = ["build", "describe"]

_BUILDERS = {"torchvision": torchvision_models.build, "zoo": zoo.build}


def build(family: str, name: str, weights: str | Path | None) -> Source:
    """Builds a network in evaluation mode, with its weights and an example input.

    Args:
        family: `zoo` or `torchvision`.
        name: The network's name in the family.
        weights: `None` for seeded ones (for efficientnet_lite0: the real ones), `DEFAULT`, or a safetensors file.

    Raises:
        UnknownModelError: No such network.
        WeightsError: The weights cannot be loaded, or do not fit.
        MissingExtraError: The network's package is not installed.
    """
    return _BUILDERS[family](name, weights)


def describe() -> Mapping[str, str]:
    """Every network's spec and its description in one line."""
    return {
        **{f"zoo:{name}": text for name, text in sorted(zoo.DESCRIPTIONS.items())},
        **{f"torchvision:{name}": torchvision_models.describe(name) for name in torchvision_models.names()},
    }
