"""Whether a model still answers alike: its first class on the frames as they arrive, and on those that were sent."""

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import torch

import split_model
from bench.frames.clip import Frame
from pictures import Preprocess

MODEL = "zoo:efficientnet_lite0"
"""Its weights are real ones. On these clips its answers are close calls, so this is the strict end."""


class Kept:
    """One classifier; it is run once on the frames that were sent, and on each of those that came as others."""

    def __init__(self) -> None:
        self._sure: dict[bytes, int] = {}

    def count(self, sent: Sequence[Frame], arrived: Sequence[Frame]) -> int:
        """How many of the frames keep their first class."""
        return sum(
            np.array_equal(before, after) or self._first(before) == self._first(after)
            for before, after in zip(sent, arrived, strict=True)
        )

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of a frame."""
        sizes = self._model.inputs[0].sizes
        return sizes[2], sizes[3]

    @property
    def preprocess(self) -> Preprocess | None:
        """How a picture becomes a frame."""
        return self._model.preprocess

    @cached_property
    def _model(self) -> split_model.Model:
        torch.set_num_threads(1)
        return split_model.load(MODEL)

    def _first(self, frame: Frame) -> int:
        key = frame.tobytes()
        if key not in self._sure:
            with torch.inference_mode():
                self._sure[key] = int(self._model(torch.tensor(frame)).argmax())
        return self._sure[key]
