"""`Wanted`: the model that `split_model.load` was asked for, and how."""

import os
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
        engine: `torch`, `onnx` or `auto`; None: whichever needs no export.
        threads: How many threads compute a layer; None: as many as this process has cores, or as torch chooses.
        bridged: Whether torch runs parts in `onnx` that have no session yet, where it is installed.
        on_step: Called with a few words at each step that takes long, and when an engine was chosen.
    """

    prefix: str
    rest: str
    name: str
    weights: str | Path | None
    device: str
    engine: str | None
    threads: int | None
    bridged: bool
    on_step: Callable[[str], None]

    @property
    def spec(self) -> str:
        """The spec."""
        return f"{self.prefix}:{self.rest}"

    @property
    def cores(self) -> int:
        """How many threads compute a layer outside torch."""
        if self.threads is not None:
            return self.threads
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
