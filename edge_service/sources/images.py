"""Image files as a source: those of a folder in the order of their names, or a single one."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from edge_service.frame_image import Shot
from edge_service.sources.errors import SourceFailedError, SourceFormatError, SourceNotFoundError
from edge_service.sources.files.packed_images import PackedImages
from edge_service.sources.pacing import Timed
from edge_service.sources.shots import ShotToDecode
from edge_service.sources.source_report import SourceReport
from edge_service.sources.watched import watched
from pictures import Picture, PictureError, decode_still

__all__ = ["SUFFIXES", "ImageFolder", "SingleImage"]

SUFFIXES = (
    *(".avif", ".bmp", ".gif", ".heic", ".heif", ".jfif", ".jpe", ".jpeg", ".jpg"),
    *(".mpo", ".png", ".tif", ".tiff", ".webp"),
)
_MOST_BYTES = 256 * 1024 * 1024  # of a file; a larger one is no picture that could be decoded here


@dataclass(frozen=True, slots=True)
class ImageFolder:
    """The images directly in a folder, each shown for `interval_s`; hidden files and subfolders do not count.

    Raises:
        SourceNotFoundError: The folder cannot be read.
        SourceFormatError: It holds no images.
    """

    path: Path
    interval_s: float
    report: SourceReport = field(default_factory=SourceReport)
    as_packets: bool = False
    live: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        try:
            found = _images_in(self.path)
            has_folders = not found and any(each.is_dir() for each in self.path.iterdir())
        except OSError as error:
            raise SourceNotFoundError(
                f"{self.path}: {error.strerror or error}; expected a folder whose files can be read"
            ) from error
        if not found:
            only = ", only folders" if has_folders else ""
            raise SourceFormatError(
                f"{self.path} holds no images{only}; expected files that end in {', '.join(SUFFIXES)}"
            )

    def play(self) -> Iterator[Timed[Shot]]:
        """The images; each is read when it is asked for.

        Raises:
            SourceFailedError: The folder has vanished.
        """
        return watched(self._play(), self.report)

    def _play(self) -> Iterator[Timed[Shot]]:
        count = 0
        packed = PackedImages() if self.as_packets else None
        try:
            for count, file in enumerate(_images_in(self.path)):
                self.path.stat()
                shot = None if packed is None else packed.shot(file)
                yield Timed(count * self.interval_s, shot or _shot(file))
        except OSError as error:
            raise SourceFailedError(
                f"{self.path} cannot be read any further, after {count} images: {error.strerror or error}; "
                "expected the folder to stay"
            ) from error


@dataclass(frozen=True, slots=True)
class SingleImage:
    """One image file."""

    path: Path
    interval_s: float
    report: SourceReport = field(default_factory=SourceReport)
    as_packets: bool = False
    live: bool = field(default=False, init=False)

    def play(self) -> Iterator[Timed[Shot]]:
        """The image."""
        shot = PackedImages().shot(self.path) if self.as_packets else None
        return watched([Timed(0.0, shot or _shot(self.path))], self.report)


def _images_in(folder: Path) -> list[Path]:
    files = (file for file in folder.iterdir() if file.suffix.lower() in SUFFIXES and not file.name.startswith("."))
    return sorted(file for file in files if file.is_file())


def _shot(file: Path) -> ShotToDecode:
    return ShotToDecode(partial(_decode, file), file.name)


def _decode(file: Path) -> Picture:
    try:
        return decode_still(_read(file))
    except OSError as error:
        raise PictureError(f"{file}: {error.strerror or error}") from error
    except PictureError as error:
        raise PictureError(f"{file}: {error}") from error


def _read(file: Path) -> bytes:
    facts = file.stat()
    if not stat.S_ISREG(facts.st_mode) or facts.st_size > _MOST_BYTES:
        raise PictureError(f"expected a file of at most {_MOST_BYTES // 2**20} MB")
    return file.read_bytes()
