"""One network by its spec's two parts, and the list of all of them."""

from collections.abc import Mapping
from pathlib import Path

from models import torchvision_models, zoo
from split_model.source import Source

__all__ = ["build", "describe"]

_BUILDERS = {"torchvision": torchvision_models.build, "zoo": zoo.build}


def build(family: str, name: str, weights: str | Path | None) -> Source:
    """Builds a network in evaluation mode, with its weights and an example input.

    Args:
        family: `zoo` or `torchvision`.
        name: Its name there.
        weights: `None` for seeded ones (of efficientnet_lite0: the real ones), `DEFAULT`, or a safetensors file.

    Raises:
        UnknownModelError: No such network.
        WeightsError: The weights cannot be had, or do not fit.
        MissingExtraError: The network's package is not installed.
    """
    return _BUILDERS[family](name, weights)


def describe() -> Mapping[str, str]:
    """Every network's spec, and what it is in one line."""
    return {
        **{f"zoo:{name}": text for name, text in sorted(zoo.DESCRIPTIONS.items())},
        **{f"torchvision:{name}": torchvision_models.describe(name) for name in torchvision_models.names()},
    }
