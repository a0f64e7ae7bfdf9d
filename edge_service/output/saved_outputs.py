"""The arrays of `--save-outputs`: a file for each frame with its outputs, as numpy reads them."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from edge_service.log import log
from edge_service.output.files import write_whole

__all__ = ["SavedOutputs"]


class SavedOutputs:
    """Writes each frame's outputs to `frame-000012.npz` in a folder; blocks while it writes.

    Once a file cannot be written (a full disk), this is logged, and no more are tried: results go on without.

    Args:
        folder: made if it is missing.

    Raises:
        OSError: the folder cannot be made.

    Attributes:
        files: number of files written.
        problem: why not all were written; None if they were.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.files = 0
        self.problem: str | None = None
        self._folder = folder

    def save(self, frame_id: int, outputs: Mapping[str, NDArray[Any]]) -> str | None:
        """Writes a frame's outputs and returns the file's name; None if it was not written.

        Args:
            frame_id: the frame.
            outputs: by path, as numbers: bfloat16, which numpy lacks, as float32 (`split_model.numbers`).
        """
        if self.problem is not None:
            return None
        name = f"frame-{frame_id:06}.npz"
        try:
            write_whole(self._folder / name, lambda file: _write(file, outputs))
        except Exception as error:  # noqa: BLE001 # whatever it is, it costs files, not results
            reason = error.strerror if isinstance(error, OSError) else repr(error)
            self.problem = f"{self._folder}: {reason or error}; {self.files} files were written"
            log.error("outputs are saved no longer; results go on", reason=self.problem)
            return None
        self.files += 1
        return name


def _write(file: BinaryIO, arrays: Mapping[str, NDArray[Any]]) -> None:
    # Not by np.savez, whose parameters `file` and `allow_pickle` outputs of these names would collide with.
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for path, array in arrays.items():
            with archive.open(f"{path}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)
