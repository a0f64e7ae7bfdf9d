"""`Wanted`: the model that `split_model.load` was asked for, and how."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Wanted"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A request; see `split_model.load`.

    Attributes:
        prefix: The first part of the spec.
        rest: Its second part.
        name: The model's name on the wire.
        weights: As `split_model.load`.
        device: A name that torch knows.
        engine: `torch`, `onnx` or `auto`.
        threads: How many threads compute a layer.
        on_step: Called with a few words at each step that takes long, and when an engine was chosen.
    """

    prefix: str
    rest: str
    name: str
    weights: str | Path | None
    device: str
    engine: str
    threads: int
    on_step: Callable[[str], None]

    @property
    def spec(self) -> str:
        """The spec."""
        return f"{self.prefix}:{self.rest}"
