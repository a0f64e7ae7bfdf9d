"""A frame's picture on its way to the model: decoded and prepared when first asked for."""

from __future__ import annotations

import threading
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pictures import Compressed, Picture, PictureError, Placement, Preprocess, placed, prepared

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
        preprocess: How the picture becomes the model's input.
        size: Rows and columns of the model's input.
        name: What people call the picture; None where its time says all.
        compressed: How it can be sent without decoding it; None where it cannot.
    """

    def __init__(self, shot: Shot, preprocess: Preprocess, height: int, width: int) -> None:
        self.preprocess = preprocess
        self.size = height, width
        self.name = shot.name
        self.compressed = shot.compressed
        self._keeps_picture = False
        self._shot: Shot | None = shot
        self._lock = threading.Lock()
        self._picture: Picture | None = None
        self._array: NDArray[np.uint8] | None = None
        self._displayed = shot.displayed

    @property
    def keeps_picture(self) -> bool:
        """Whether somebody wants the whole picture. It is kept then, once it is decoded; else it is let go."""
        return self._keeps_picture

    @keeps_picture.setter
    def keeps_picture(self, value: bool) -> None:
        with self._lock:
            self._keeps_picture = value
            self._let_go()

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
                self._array = prepared(self._decoded(), self.preprocess, *self.size)
                self._let_go()
            return self._array

    def picture(self) -> Picture:
        """The source's picture; blocks unless it was kept.

        Raises:
            PictureError: It cannot be decoded, or was let go.
        """
        with self._lock:
            picture = self._decoded()
            self._let_go()
            return picture

    def placement(self) -> Placement | None:
        """Where the input lies in the picture; None while the picture's size is not known."""
        displayed = self._displayed
        return None if displayed is None else placed(displayed, self.preprocess, *self.size)

    def _decoded(self) -> Picture:
        if self._picture is None:
            if self._shot is None:
                raise PictureError("the picture was let go; expected keeps_picture to be set before it was decoded")
            self._picture = self._shot.picture()
            self._displayed = self._picture.displayed
        return self._picture

    def _let_go(self) -> None:
        """Frees what nobody needs: the picture, and beside the model's input what it was made of."""
        if self._keeps_picture:
            return
        self._picture = None
        if self._array is not None and self.compressed is None:
            self._shot = None
