"""What every benchmark shares: its command line, its progress, the cells that are finished, and its page in the end.

    BENCHMARK = Benchmark("copies", "How often a tensor's bytes are copied.", measure, report)

`measure` is given a `Run` and returns what is written to the JSON file and read by `report`. One with a long form
(`--full`) writes that as NAME_full, and goes on where it was interrupted.
"""

import argparse
import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from bench.publishing.journal import FOLDER as STATE
from bench.publishing.journal import Journal
from bench.publishing.programs import PROGRAMS
from bench.publishing.publish import FOLDER, Reporter, publish, render

Measured = TypeVar("Measured")


ENGINE: Mapping[str, Mapping[str, Any]] = {
    "--engine": {
        "choices": ("onnx", "torch"),
        "default": "onnx",
        "help": "what runs heads and tails on both sides; default onnx, as commands choose for the networks here",
    }
}
"""The option of a benchmark that runs in either engine."""


class Run:
    """One run, as what measures sees it; the journal of a short form keeps nothing."""

    def __init__(self, options: argparse.Namespace, journal: Journal, expected_s: float) -> None:
        self.options = options
        self.full: bool = options.full
        self.journal = journal
        self._expected_s = expected_s
        self._began_s = time.monotonic()

    def say(self, what: str) -> None:
        print(f"[{time.monotonic() - self._began_s:5.0f} of {self._expected_s:.0f} s] {what}", flush=True)

    def cells(
        self, cells: Iterable[Mapping[str, Any]], measure: Callable[..., Measured], *, at_a_time: int = 1
    ) -> list[Measured]:
        """Measures the cells that are not finished, `measure(**cell)`; returns what was measured of each, in order."""
        wanted = list(cells)
        missing = [cell for cell in wanted if self.journal.get(cell) is None]
        self._expected_s *= len(missing) / len(wanted) if wanted else 1.0
        self.say(f"{len(wanted)} cells, {len(wanted) - len(missing)} of them finished before")

        def finish(cell: Mapping[str, Any]) -> None:
            self.say(", ".join(map(_told, cell, cell.values())))
            self.journal.put(cell, measure(**cell))

        if at_a_time == 1:  # in this thread: torch's number of threads is each thread's own
            for cell in missing:
                finish(cell)
        else:
            with ThreadPoolExecutor(at_a_time) as pool:
                list(pool.map(finish, missing))
        return [self.journal.get(cell) for cell in wanted]


def _told(name: str, value: object) -> str:
    return f"{name} {value:g}" if isinstance(value, float) else f"{name} {value!s:.30}"


@dataclass(frozen=True, slots=True)
class Benchmark:
    """One benchmark, run as `python -m bench.NAME`.

    Attributes:
        full: What the long form measures; empty where there is none.
        engine: What runs heads and tails, where they run; `--engine` says otherwise where that is an option.
        extra: Further options of the command line: keyword arguments of `add_argument` by name.
    """

    name: str
    about: str
    measure: Callable[[Run], Mapping[str, Any]]
    report: Reporter
    full: str = ""
    engine: str = ""
    extra: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def main(self) -> None:
        options = self._parser().parse_args()
        stem = f"{self.name}_full" if options.full else self.name
        if options.render:
            render(stem, self.report, options.output)
            return
        program = next(program for program in PROGRAMS if program.name == self.name)
        expected_s = program.full_s if options.full else program.seconds
        print(f"expected to take about {expected_s:.0f} s ({expected_s / 60:.1f} minutes)", flush=True)
        journal = Journal(STATE / f"{stem}.jsonl" if options.full else None, fresh=options.fresh)
        engine = getattr(options, "engine", self.engine)
        told = {"engine": engine} if engine else {}
        measured = self.measure(Run(options, journal, expected_s))
        publish(stem, {**told, **measured}, self.report, options.output, options.note)

    def _parser(self) -> argparse.ArgumentParser:
        parser = argparse.ArgumentParser(description=self.about)
        parser.add_argument("--output", type=Path, default=FOLDER, metavar="FOLDER", help=f"default {FOLDER}")
        parser.add_argument("--note", default="", help="what a reader should know about this run: a shared machine")
        parser.add_argument("--render", action="store_true", help="write the page anew from its JSON; measure nothing")
        if self.full:
            parser.add_argument("--full", action="store_true", help=f"{self.full}; goes on where it was interrupted")
            parser.add_argument("--fresh", action="store_true", help="with --full: measure everything again")
        for name, settings in self.extra.items():
            parser.add_argument(name, **settings)
        parser.set_defaults(full=False, fresh=False)
        return parser


def turns(names: Iterable[str], repeats: int, *, warmup: int = 0, shuffled: bool = False) -> Iterator[tuple[str, bool]]:
    """Yields each name once a round, and whether it counts: a slow moment of the machine falls on all of them.

    Rounds are shuffled where it matters who comes before.
    """
    order, rng = list(names), random.Random(0)  # noqa: S311 # an order
    for round_ in range(-warmup, repeats):
        if shuffled:
            rng.shuffle(order)
        yield from ((name, round_ >= 0) for name in order)
