"""A folder of images as a source, in the order of their names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import av

from edge_service.sources.errors import SourceFormatError
from edge_service.sources.pacing import Timed

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

    def play(self) -> Iterator[Timed[av.VideoFrame]]:
        """Decode the images.

        Raises:
            SourceFormatError: A file is not an image; the message names it.
        """
        for count, file in enumerate(self._files()):
            yield Timed(count * self.interval_s, _decode(file))

    def _files(self) -> list[Path]:
        return sorted(file for file in self.path.iterdir() if file.suffix.lower() in _SUFFIXES and file.is_file())


def _decode(file: Path) -> av.VideoFrame:
    # Not by name, because FFmpeg interprets a % in a name as a pattern.
    try:
        with file.open("rb") as opened, av.open(opened, "r") as container:
            return next(container.decode(video=0))
    except (av.FFmpegError, ValueError, IndexError, StopIteration) as error:
        raise SourceFormatError(f"{file} is not an image that can be read: {error}") from error
