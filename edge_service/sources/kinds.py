"""Tells which kind of source is meant: by its address, or by what the path leads to."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from edge_service.sources.addresses import masked
from edge_service.sources.errors import EXPECTED, SourceFormatError, SourceNotFoundError
from edge_service.sources.files import VideoFile
from edge_service.sources.images import SUFFIXES, ImageFolder, SingleImage
from edge_service.sources.live import LiveOptions, LiveVideo, check_address, is_live
from edge_service.sources.sample import sample_path
from edge_service.sources.source_report import SourceReport
from edge_service.sources.stream import Pictures

__all__ = ["pictures_of"]

_CLIP = ".gif"  # given alone it is played; FFmpeg reads it
_OTHERS = {
    stat.S_ISFIFO: "a pipe, which can be read only once",
    stat.S_ISSOCK: "a socket",
    stat.S_ISBLK: "a disk",
    stat.S_ISCHR: "a device, and no camera",
}


def pictures_of(
    spec: str, rate_hz: float | None, report: SourceReport, live: LiveOptions, *, as_packets: bool = False
) -> Pictures:
    """The source that is meant. What it holds is read later, but for the names in a folder.

    Args:
        spec: See `edge_service.sources.open_source`.
        rate_hz: Frames per second, at which images are shown; None: one a second.
        report: Is told what happens to the source.
        live: The choices for a live source.
        as_packets: Whether pictures stay compressed where they can.

    Raises:
        SourceError: There is no such source; the message says what was expected.
    """
    kind, _, name = spec.partition(":")
    if kind == "sample":
        return VideoFile(sample_path(name), report, as_packets)
    if is_live(spec):
        check_address(spec)
        return LiveVideo(spec, live, report, as_packets)
    path = Path(spec)
    mode = _mode(spec)
    interval_s = 1.0 if rate_hz is None else 1 / rate_hz
    if stat.S_ISDIR(mode):
        return ImageFolder(path, interval_s, report, as_packets)
    for is_so, what in _OTHERS.items():
        if is_so(mode):
            raise SourceFormatError(f"{path} is {what}; {EXPECTED}")
    if not os.access(path, os.R_OK):
        raise SourceNotFoundError(f"{path}: no permission to read it; {EXPECTED}")
    suffix = path.suffix.lower()
    if suffix in SUFFIXES and suffix != _CLIP:
        return SingleImage(path, interval_s, report, as_packets)
    return VideoFile(path, report, as_packets)


def _mode(spec: str) -> int:
    path = Path(spec)
    try:
        return path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        if "://" in spec:
            raise SourceNotFoundError(f"{masked(spec)} is an address of no known kind; {EXPECTED}") from None
        raise SourceNotFoundError(f"{path}: no such file; {EXPECTED}") from None
    except (OSError, ValueError) as error:  # no permission, a name that is too long, a null byte
        raise SourceNotFoundError(f"{path}: {getattr(error, 'strerror', None) or error}; {EXPECTED}") from error
