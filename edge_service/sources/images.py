"""A folder of images as a source, in the order of their names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from edge_service.frame_image import Shot
from edge_service.sources.errors import SourceFormatError
from edge_service.sources.pacing import Timed
from edge_service.sources.shots import ShotToDecode
from pictures import Picture, PictureError, decode_still

_SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")


@dataclass(frozen=True, slots=True)
class ImageFolder:
    """The images directly in a folder, each shown for `interval_s`.

    Raises:
        SourceFormatError: The folder holds no images.
    """

    path: Path
    interval_s: float
    live: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        if not self._files():
            raise SourceFormatError(f"{self.path} holds no images; expected files that end in {', '.join(_SUFFIXES)}")

    def play(self) -> Iterator[Timed[Shot]]:
        """The images; each is read when it is asked for."""
        for count, file in enumerate(self._files()):
            yield Timed(count * self.interval_s, ShotToDecode(partial(_decode, file), file.name))

    def _files(self) -> list[Path]:
        return sorted(file for file in self.path.iterdir() if file.suffix.lower() in _SUFFIXES and file.is_file())


def _decode(file: Path) -> Picture:
    try:
        return decode_still(file.read_bytes())
    except (OSError, PictureError) as error:
        raise PictureError(f"{file}: {error}") from error
