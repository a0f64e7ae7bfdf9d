"""Loading a model for a command, with its progress on stderr."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

from dads.progress import shown

SEEDED = "The weights are drawn from a seed, so what it sees means nothing."

_TRAINED = "zoo:efficientnet_lite0"

if TYPE_CHECKING:  # torch takes seconds to import; a command pays for it only when it loads a model
    import models


def is_seeded(spec: str, weights: str | None) -> bool:
    """Whether the weights of this model would be drawn from a seed; see `models.load`."""
    return weights is None and spec.startswith(("torchvision:", "zoo:")) and spec != _TRAINED


def load_model(
    spec: str, *, weights: str | None = None, device: str = "cpu", threads: int | None = None
) -> models.Model:
    """Load a model by its specification, for a process that goes on to run it over and over.

    What is loaded stays, so the garbage collector is told to look at it no more: a full collection over torch's 400,000
    objects takes 0.2 s of whichever thread it falls on, and a weak edge many times that, in the middle of a frame.

    Args:
        spec: `torchvision:NAME`, `zoo:NAME`, `file:PATH.pt2` or `package.module:factory`.
        weights: See `models.load`.
        device: `cpu` or `cuda`.
        threads: torch's threads; None leaves torch's choice.

    Raises:
        models.ModelError: the model is unknown or cannot be loaded.
    """
    with shown(f"loading {spec}"):
        import torch  # noqa: PLC0415 # see above

        import models  # noqa: PLC0415 # see above

        models.keep_freed_memory()  # each of our processes runs one model over and over
        if threads is not None:
            torch.set_num_threads(threads)
        model = models.load(spec, weights=weights, device=device)
        gc.collect()
        gc.freeze()
        return model
