"""The build before there were engines, from the project's own history."""

import contextlib
import io
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

__all__ = ["REVISION", "baseline"]

REVISION = "07531fb"
"""The last one whose edge needs torch."""


@contextlib.contextmanager
def baseline(given: Path | None) -> Iterator[Path]:
    """The folder with that build's code: the one that is given, or the revision's files, for as long as the context.

    Raises:
        SystemExit: There is no such revision here.
    """
    if given is not None:
        yield given.absolute()
        return
    archive = subprocess.run(["git", "archive", REVISION], capture_output=True, check=False)  # noqa: S607  # git, wherever it is
    if archive.returncode:
        raise SystemExit(
            f"revision {REVISION} is not in this repository; give a folder with its code: --baseline FOLDER"
        )
    with tempfile.TemporaryDirectory(prefix="dads-baseline-") as folder:
        with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
            files.extractall(folder, filter="data")
        yield Path(folder)
