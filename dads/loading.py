"""Loading a model for a command, with its progress on stderr."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from dads.progress import shown

SEEDED = "The weights are drawn from a seed, so what it sees means nothing."

_TRAINED = "zoo:efficientnet_lite0"

if TYPE_CHECKING:  # torch takes seconds to import; a command pays for it only when it loads a model
    import split_model


def is_seeded(spec: str, weights: str | None) -> bool:
    """Whether the weights of this model would be drawn from a seed; see `split_model.load`."""
    return weights is None and spec.startswith(("torchvision:", "zoo:")) and spec != _TRAINED


def load_model(
    spec: str,
    *,
    name: str | None = None,
    weights: str | None = None,
    device: str = "cpu",
    threads: int | None = None,
    preprocess: str | None = None,
    engine: str | None = None,
    cache: Path | None = None,
    bridged: bool = False,
    one_heap: bool = False,
) -> split_model.Model:
    """Load a model by its specification.

    Args:
        spec: `torchvision:NAME`, `zoo:NAME`, `file:PATH.dads`, `file:PATH.pt2`, `package.module:factory` or
            `path/net.py:factory`.
        name: Its name on the wire; None for the specification.
        weights: See `split_model.load`.
        device: `cpu` or `cuda`.
        threads: Number of threads that compute; None for the engine's default.
        preprocess: How a picture becomes its input, in the text form of `pictures.Preprocess`; None: as the model says.
        engine: `auto`, `onnx` or `torch`; None where nothing is computed: whichever needs no export.
        cache: The folder of what is kept on this machine; None to keep nothing.
        bridged: See `split_model.load`.
        one_heap: Whether all threads allocate from one heap; see `split_model.share_one_heap`.

    Raises:
        split_model.ModelError: the model is unknown or cannot be loaded.
    """
    with shown(f"loading {spec}"):
        import split_model  # noqa: PLC0415 # see above
        from pictures import Preprocess  # noqa: PLC0415 # see above

        if one_heap:
            split_model.share_one_heap()
        choices = None if preprocess is None else Preprocess.parse(preprocess)
        model = split_model.load(
            spec,
            name=name,
            weights=weights,
            device=device,
            preprocess=choices,
            engine=engine,
            threads=threads,
            cache=cache,
            bridged=bridged,
            on_step=lambda text: typer.echo(f"{spec}: {text}", err=True),
        )
        if model.engine.name == "torch":
            split_model.keep_freed_memory()  # ONNX Runtime has a heap of its own for values
        split_model.spare_loaded_objects()
        return model
