"""What becomes of finished frames: lines of results, rows of the table, the live page, saved arrays, drawn pictures."""

from __future__ import annotations

import json
import logging
import time
from dataclasses import dataclass
from typing import Any, TextIO

import structlog

from dads.live import LiveView
from dads.session.frame_table import FrameTable
from edge_service import FrameResult, frame_record
from edge_service.control import ControllerState
from edge_service.output.background import Background
from edge_service.output.drawn_pictures import DrawnPictures
from edge_service.output.json_values import json_value
from edge_service.output.saved_outputs import SavedOutputs
from edge_service.run import Shown
from split_model import Model
from split_model.numbers import numbers_by_path

log = structlog.wrap_logger(logging.getLogger("dads"))

_MOST_WAITING = 8


@dataclass(frozen=True, slots=True)
class _Finished:
    result: FrameResult
    shown: Shown
    state: ControllerState


class FinishedFrames:
    """Takes a run's finished frames, in order, and works on them in a thread: a model's `postprocess` may be slow.

    Args:
        model: the model.
        run: the policy.
        view: the live page's state.
        results: where lines go, or None.
        table: where rows go, or None.
        saved: where outputs go, or None. A frame's line is written after its file.
        drawn: where pictures go, or None.

    Attributes:
        problems: why files were not all written; empty if they were.
    """

    def __init__(
        self,
        model: Model,
        run: str,
        view: LiveView,
        *,
        results: TextIO | None,
        table: FrameTable | None,
        saved: SavedOutputs | None = None,
        drawn: DrawnPictures | None = None,
    ) -> None:
        self._model = model
        self._run = run
        self._view = view
        self._results = results
        self._table = table
        self._saved = saved
        self._drawn = drawn
        self.problems: list[str] = []
        self._told = False
        self._background: Background[_Finished] = Background("results", self._handle, most=_MOST_WAITING)

    def took(self, result: FrameResult, shown: Shown, state: ControllerState) -> None:
        """Takes a frame that ended; never waits.

        Raises:
            Exception: an earlier frame could not be written.
        """
        self._background.put(_Finished(result, shown, state))

    async def room(self) -> None:
        """Waits while too many frames are not written yet; frames that are read meanwhile would need ever more memory.

        Raises:
            Exception: an earlier frame could not be written.
        """
        await self._background.room()

    def wants_pixels(self) -> bool:
        """Whether the next frame's picture is needed: of all frames to draw them, of one each second to show it."""
        return self._drawn is not None or self._view.picks_picture(time.monotonic())

    def close(self) -> dict[str, Any]:
        """Waits until everything is written; blocks.

        Returns:
            What was saved and drawn, for the report; nothing where nobody asked.

        Raises:
            Exception: a frame could not be written.
        """
        try:
            self._background.close()
        finally:
            if self._drawn is not None:
                self._drawn.close()
        made: dict[str, Any] = {}
        if self._saved is not None:
            made["saved_outputs"] = self._saved.files
            self._note("--save-outputs", self._saved.problem)
        if self._drawn is not None:
            made["pictures"] = self._drawn.as_json()
            self._note("--draw", self._drawn.problem)
        return made

    def _handle(self, finished: _Finished) -> None:
        result, shown = finished.result, finished.shown
        saved_as = None
        if self._saved is not None and result.outcome.has_result:  # before `postprocess`, whatever that does
            outputs = numbers_by_path(self._model.flatten(result.outputs), self._model.outputs)
            saved_as = self._saved.save(result.frame_id, outputs)
        picture = None if shown.content is None else shown.content.placement()
        name = None if shown.content is None else shown.content.name
        record = frame_record(self._model, result, source_s=shown.source_s, run=self._run, picture=picture, name=name)
        if saved_as is not None:
            record["saved_as"] = saved_as
        self._tell(record)
        kept = shown.content if shown.content is not None and shown.content.keeps_picture else None
        self._view.saw(record, result, finished.state, kept)
        if self._results is not None:
            self._results.write(json.dumps(json_value(record), allow_nan=False) + "\n")
            self._results.flush()  # a reader gets each frame as it is done
        if self._table is not None:
            self._table.row(record)
        if self._drawn is not None and shown.content is not None and result.outcome.has_result:
            self._drawn.put(record, shown.content)

    def _note(self, option: str, problem: str | None) -> None:
        if problem is not None:
            self.problems.append(f"{option} {problem}")

    def _tell(self, record: dict[str, Any]) -> None:
        """Logs once why results do not show what `postprocess` makes of outputs."""
        if "result_error" in record and not self._told:
            self._told = True
            log.error("results hold shapes only", frame=record["frame"], reason=record["result_error"])
