"""Counts a clip's pictures for the report, and logs why pictures cannot be decoded, once for each kind of reason."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from edge_service.frame_image import Shot
from edge_service.log import log
from edge_service.sources.addresses import masked
from edge_service.sources.pacing import Timed
from edge_service.sources.source_report import SourceReport
from pictures import Compressed, Picture, PictureError

__all__ = ["watched"]

_NUMBER = re.compile(r"\d+")


def watched(shots: Iterable[Timed[Shot]], report: SourceReport) -> Iterator[Timed[Shot]]:
    """The same pictures; each is counted as read, and as failed when somebody cannot decode it.

    Raises:
        Exception: What ended `shots`; the report says it too.
    """
    try:
        for shot in shots:
            report.read()
            yield Timed(shot.at_s, _Watched(shot.item, shot.at_s, report))
    except Exception as error:
        report.ended_by(error)
        raise


@dataclass(slots=True)
class _Watched:
    shot: Shot
    at_s: float
    report: SourceReport
    is_told: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def name(self) -> str | None:
        return self.shot.name

    @property
    def compressed(self) -> Compressed | None:
        return self.shot.compressed

    @property
    def displayed(self) -> tuple[int, int] | None:
        return self.shot.displayed

    def picture(self) -> Picture:
        try:
            return self.shot.picture()
        except Exception as error:  # a decoder may raise anything for hostile bytes; it costs this picture only
            reason = masked(str(error) or type(error).__name__)
            self._tell(reason)
            if isinstance(error, PictureError):
                raise
            raise PictureError(f"{self.name or 'the picture'} cannot be decoded: {reason}") from error

    def _tell(self, reason: str) -> None:
        with self.lock:
            is_told, self.is_told = self.is_told, True
        if is_told:
            return
        kind = reason if self.name is None else reason.rpartition(f"{self.name}: ")[2]
        if self.report.failed(_NUMBER.sub("N", kind)):
            log.warning(
                "a picture cannot be decoded; its frame fails, and the next of this kind are only counted",
                picture=self.name,
                at_s=round(self.at_s, 3),
                reason=reason,
            )
