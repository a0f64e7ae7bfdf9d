"""Progress of long work on stderr: a bar on a terminal, plain lines elsewhere."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

OnProgress = Callable[[int, int], None]
"""Called with the steps that are done and the steps there are."""


@contextlib.contextmanager
def shown(title: str, console: Console | None = None) -> Iterator[OnProgress]:
    """Show the progress of the work in the block; what the work itself prints, such as a model's code, goes to stderr.

    Args:
        title: The work, such as `profiling torchvision:alexnet`.
        console: Where to show it; by default stderr, so that stdout holds only results.

    Yields:
        A function that the work may call with its steps.
    """
    # A model's name must not be read as markup or an emoji: `hfac:two` contains one.
    console = console or Console(stderr=True, emoji=False, markup=False)
    with contextlib.redirect_stdout(sys.stderr):
        if console.is_terminal:
            with _bar(title, console) as on_progress:
                yield on_progress
        else:
            started_s = time.monotonic()
            _print(f"{title} ...", console)
            yield _quarters(title, console)
            _print(f"{title}: done in {time.monotonic() - started_s:.1f} s", console)


@contextlib.contextmanager
def _bar(title: str, console: Console) -> Iterator[OnProgress]:
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        # Without a total the bar pulses, for work that reports no steps.
        task = progress.add_task(title, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)
        progress.update(task, completed=1, total=1)


def _print(line: str, console: Console) -> None:
    console.print(Text(line), soft_wrap=True)


def _quarters(title: str, console: Console) -> OnProgress:
    """Print a line at each quarter of the work, so that a log stays short."""
    printed = 0

    def on_progress(done: int, total: int) -> None:
        nonlocal printed
        quarter = 4 * done // total if total else 0
        if printed < quarter < 4:
            printed = quarter
            _print(f"{title}: {25 * quarter} %", console)

    return on_progress
