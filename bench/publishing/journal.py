"""Finished cells of a long benchmark, appended to a file one line each, so that an interrupted run goes on later.

The file is `out/bench/NAME.jsonl`, not in docs/benchmarks: it is the state of an unfinished run on one machine. All it
holds is in NAME_full.json, which is written when the last cell is measured.
"""

import json
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.publishing.machine import machine

FOLDER = Path("out/bench")


class Journal:
    """Cells by what they measure. A cell counts as finished only on the machine and with the versions it ran with.

    Without a path they are kept in memory only.
    """

    def __init__(self, path: Path | None, *, fresh: bool = False) -> None:
        self._path = path
        self._setup = {name: value for name, value in machine().items() if name != "date"}  # it may last past midnight
        self._cells: dict[str, Any] = {}
        self._writing = threading.Lock()
        if path is not None and fresh:
            path.unlink(missing_ok=True)
        if path is not None and path.exists():
            self._read(path)

    def get(self, cell: Mapping[str, Any]) -> Any:  # noqa: ANN401 # whatever was put
        return self._cells.get(_key(cell))

    def put(self, cell: Mapping[str, Any], measured: Any) -> None:  # noqa: ANN401 # whatever JSON holds
        self._cells[_key(cell)] = measured
        if self._path is not None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._writing, self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"cell": cell, "setup": self._setup, "measured": measured}) + "\n")

    def _read(self, path: Path) -> None:
        text = path.read_text(encoding="utf-8")
        if text and not text.endswith("\n"):
            with path.open("a", encoding="utf-8") as file:
                file.write("\n")
        for line in text.splitlines():
            try:
                entry = json.loads(line)
            except json.JSONDecodeError:  # cut off when the run was killed: that cell is measured again
                continue
            if entry["setup"] == self._setup:
                self._cells[_key(entry["cell"])] = entry["measured"]


def _key(cell: Mapping[str, Any]) -> str:
    return json.dumps(cell, sort_keys=True)
