"""Profiling: the time of each layer of a model on this machine, in the engine that runs it."""

from collections.abc import Callable

from split_model.engines.profile import Profile
from split_model.errors import ModelError
from split_model.model import Model

__all__ = ["profile"]


def profile(
    model: Model,
    *,
    repeats: int = 5,
    warmup: int = 2,
    on_progress: Callable[[int, int], None] | None = None,
    anew: bool = False,
) -> Profile:
    """Measures each layer inside runs of the whole model, so that the state of the caches is realistic.

    Args:
        model: The model, on its device.
        repeats: Runs of each kind, whose medians count; at least 1.
        warmup: Runs before these, which do not count.
        on_progress: Called with the number of steps done, and of all steps.
        anew: Whether it is measured even if a profile of it is kept on this machine.

    Raises:
        ModelError: `repeats` is less than 1.
    """
    if repeats < 1:
        raise ModelError(f"repeats must be at least 1, got {repeats}")
    kept = None if anew or model.profiles is None else model.profiles.read(len(model.graph.layers))
    if kept is not None:
        return kept
    feeds = model.definition.inputs.feed(model.example_inputs)
    measured = model.engine.measure(feeds, repeats=repeats, warmup=warmup, on_progress=on_progress)
    if model.profiles is not None:
        model.profiles.write(measured)
    return measured
