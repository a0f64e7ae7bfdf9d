"""What the report says of one run, whether it came to its end or not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from edge_service import RunReport
from edge_service.sources import SourceReport, masked

__all__ = ["RunRecord"]


@dataclass(slots=True)
class RunRecord:
    """One run.

    Attributes:
        frames: Counts and times of its frames.
        source: What happened to its source.
        places: Each layer's name for people.
        files: What was saved and drawn.
        engine: What ran heads and local tails.
        verify: How many results were compared with the whole model's, how many differ, and whether they were compared
            with its module or with its session; None: nobody asked.
        error: Why it ended early; None if it did not.
    """

    frames: RunReport
    source: SourceReport
    places: Mapping[str, str]
    engine: str = "torch"
    files: dict[str, Any] = field(default_factory=dict)
    verify: dict[str, Any] | None = None
    error: str | None = None

    def failed(self, error: BaseException) -> None:
        """The run was ended by an error; the first one counts."""
        self.error = self.error or masked(str(error) or type(error).__name__)

    def as_json(self) -> dict[str, Any]:
        """The run, as `--report` holds it; `error` is there only if there was one."""
        made = self.frames.as_json() | self.files
        made["places"] = {name: self.places[name] for split in made["splits"] for name in split["cut"]}
        made["engine"] = self.engine
        made["source"] = self.source.as_json()
        if self.verify is not None:
            made["verify"] = self.verify
        if self.error is not None:
            made["error"] = self.error
        return made
