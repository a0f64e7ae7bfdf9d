"""Progress of long work on stderr: a bar on a terminal, plain lines elsewhere."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

OnProgress = Callable[[int, int], None]
"""Called with the steps that are done and the steps there are."""


@contextmanager
def shown(title: str, console: Console | None = None) -> Iterator[OnProgress]:
    """Show how far the work in the block has come.

    Args:
        title: What is being done, such as `profiling torchvision:alexnet`.
        console: Where to show it; stderr unless told otherwise, so that stdout holds results only.

    Yields:
        What the work calls with its steps; it need not.
    """
    console = console or Console(stderr=True)
    if console.is_terminal:
        with _bar(title, console) as on_progress:
            yield on_progress
    else:
        started_s = time.monotonic()
        console.print(f"{title} ...", highlight=False, soft_wrap=True)
        yield _quarters(title, console)
        console.print(f"{title}: done in {time.monotonic() - started_s:.1f} s", highlight=False, soft_wrap=True)


@contextmanager
def _bar(title: str, console: Console) -> Iterator[OnProgress]:
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        # Without a total the bar pulses, for work that tells no steps.
        task = progress.add_task(title, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)
        progress.update(task, completed=1, total=1)


def _quarters(title: str, console: Console) -> OnProgress:
    """Print a line at each quarter of the way, so that a log stays short."""
    printed = 0

    def on_progress(done: int, total: int) -> None:
        nonlocal printed
        quarter = 4 * done // total if total else 0
        if printed < quarter < 4:
            printed = quarter
            console.print(f"{title}: {25 * quarter} %", highlight=False, soft_wrap=True)

    return on_progress
