"""Chooses the video of a container that a player would show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Candidate", "chosen"]

# Writers flag the first video where nobody asked for one, even a preview. A preview is far smaller than its video.
_PREVIEW = 8


@dataclass(frozen=True, slots=True)
class Candidate:
    """One of a container's videos.

    Attributes:
        index: Its place among the container's streams.
        width: In pixels; 0 where unknown.
        height: In pixels; 0 where unknown.
        is_default: Whether it is flagged as the one to show.
        is_still: Whether it is a cover or a thumbnail.
    """

    index: int
    width: int
    height: int
    is_default: bool = False
    is_still: bool = False

    @property
    def area(self) -> int:
        """Pixels of a picture."""
        return self.width * self.height


def chosen(candidates: Sequence[Candidate]) -> Candidate | None:
    """The largest of those that are flagged, or of all if those are previews; covers never count. None: there is none.

    >>> preview, video = Candidate(0, 160, 90, is_default=True), Candidate(1, 1920, 1080)
    >>> chosen([preview, video, Candidate(2, 3000, 3000, is_still=True)]) == video
    True
    """
    videos = sorted((each for each in candidates if not each.is_still), key=lambda each: (-each.area, each.index))
    flagged = [each for each in videos if each.is_default]
    if flagged and flagged[0].area * _PREVIEW >= videos[0].area:
        return flagged[0]
    return videos[0] if videos else None
