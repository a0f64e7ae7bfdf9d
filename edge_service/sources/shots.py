"""The kinds of shots: a picture that is decoded already, one to be decoded, and one that cannot be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pictures import Compressed, Picture, PictureError

__all__ = ["CompressedShot", "DecodedShot", "LostShot", "ShotToDecode"]


@dataclass(frozen=True, slots=True)
class DecodedShot:
    """A picture that the source had to decode, or got uncompressed."""

    content: Picture
    name: str | None = None

    @property
    def compressed(self) -> None:
        """It cannot be sent compressed."""

    @property
    def displayed(self) -> tuple[int, int]:
        """Its width and height."""
        return self.content.displayed

    def picture(self) -> Picture:
        """The picture."""
        return self.content


@dataclass(frozen=True, slots=True)
class ShotToDecode:
    """A picture that is decoded when it is asked for, without what came before it."""

    decode: Callable[[], Picture]
    name: str | None = None

    @property
    def compressed(self) -> None:
        """It cannot be sent compressed."""

    @property
    def displayed(self) -> None:
        """Not known yet."""

    def picture(self) -> Picture:
        """Decode it.

        Raises:
            PictureError: It cannot be decoded.
        """
        return self.decode()


@dataclass(frozen=True, slots=True)
class CompressedShot:
    """A picture in packets."""

    compressed: Compressed
    displayed: tuple[int, int] | None = None
    name: str | None = None

    def picture(self) -> Picture:
        """Decode it.

        Raises:
            PictureError: It cannot be decoded.
        """
        try:
            return self.compressed.picture()
        except PictureError as error:
            raise PictureError(f"{self.name}: {error}" if self.name else str(error)) from error


@dataclass(frozen=True, slots=True)
class LostShot:
    """A picture that cannot be decoded: its frame fails and says why."""

    reason: str
    name: str | None = None

    @property
    def compressed(self) -> None:
        """It cannot be sent compressed."""

    @property
    def displayed(self) -> None:
        """Never known."""

    def picture(self) -> Picture:
        """Raise the reason.

        Raises:
            PictureError: always.
        """
        raise PictureError(self.reason)
