"""An earlier build, from the project's own history, to measure beside today's in one run."""

import contextlib
import io
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

__all__ = ["baseline", "option"]


def option(revision: str) -> Mapping[str, Mapping[str, Any]]:
    """The option `--baseline` of a benchmark that measures beside this revision."""
    about = f"the code of revision {revision}; by default from this repository"
    return {"--baseline": {"type": Path, "metavar": "FOLDER", "help": about}}


@contextlib.contextmanager
def baseline(revision: str, given: Path | None) -> Iterator[Path]:
    """The folder with a build's code: the one that is given, or the revision's files, for as long as the context.

    Raises:
        SystemExit: There is no such revision here.
    """
    if given is not None:
        yield given.absolute()
        return
    archive = subprocess.run(["git", "archive", revision], capture_output=True, check=False)  # noqa: S607  # git, wherever it is
    if archive.returncode:
        raise SystemExit(
            f"revision {revision} is not in this repository; give a folder with its code: --baseline FOLDER"
        )
    with tempfile.TemporaryDirectory(prefix="dads-baseline-") as folder:
        with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
            files.extractall(folder, filter="data")
        yield Path(folder)
