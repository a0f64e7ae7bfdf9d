"""A frame's picture on its way to the model: decoded and prepared when first asked for."""

from __future__ import annotations

import threading
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pictures import Compressed, Picture, Placement, Preprocess, placed, prepared

__all__ = ["FrameImage", "Shot"]


class Shot(Protocol):
    """One picture of a source."""

    @property
    def name(self) -> str | None:
        """What people call it, such as its file; None where its time says all."""

    @property
    def compressed(self) -> Compressed | None:
        """How it can be sent without decoding it; None where it cannot."""

    @property
    def displayed(self) -> tuple[int, int] | None:
        """Its width and height as a viewer shows it, if that is known before it is decoded."""

    def picture(self) -> Picture:
        """Decode it; blocks.

        Raises:
            PictureError: It cannot be decoded.
        """


class FrameImage:
    """A shot as one model's input; safe to use from several threads.

    Args:
        shot: The source's picture.
        preprocess: How it becomes the model's input.
        height: Rows of the model's input.
        width: Columns of the model's input.

    Attributes:
        keeps_picture: Whether the decoded picture is kept for `picture`, which else decodes it again. Set it before the
            frame is submitted.
    """

    def __init__(self, shot: Shot, preprocess: Preprocess, height: int, width: int) -> None:
        self.keeps_picture = False
        self.preprocess = preprocess
        self.size = height, width
        self._shot = shot
        self._lock = threading.Lock()
        self._picture: Picture | None = None
        self._array: NDArray[np.uint8] | None = None
        self._displayed = shot.displayed

    @property
    def name(self) -> str | None:
        """What people call the picture."""
        return self._shot.name

    @property
    def compressed(self) -> Compressed | None:
        """How it can be sent without decoding it."""
        return self._shot.compressed

    @property
    def is_decoded(self) -> bool:
        """Whether `array` answers at once."""
        return self._array is not None

    def array(self) -> NDArray[np.uint8]:
        """The model's input: RGB, uint8 [1, 3, height, width]; not to be changed. Blocks the first time.

        Raises:
            PictureError: It cannot be decoded.
        """
        with self._lock:
            if self._array is None:
                picture = self._decoded()
                self._array = prepared(picture, self.preprocess, *self.size)
            return self._array

    def picture(self) -> Picture:
        """The source's picture; blocks unless it was kept.

        Raises:
            PictureError: It cannot be decoded.
        """
        with self._lock:
            return self._decoded()

    def placement(self) -> Placement | None:
        """Where the input lies in the picture; None while the picture's size is not known."""
        displayed = self._displayed
        return None if displayed is None else placed(displayed, self.preprocess, *self.size)

    def _decoded(self) -> Picture:
        if self._picture is not None:
            return self._picture
        picture = self._shot.picture()
        self._displayed = picture.displayed
        if self.keeps_picture:
            self._picture = picture
        return picture
