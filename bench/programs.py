"""Every benchmark, in the order in which `make bench` runs them, and how long each takes on two cores."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass

__all__ = ["PROGRAMS", "Program", "present"]


@dataclass(frozen=True, slots=True)
class Program:
    """One benchmark, run as `python -m bench.NAME`.

    Attributes:
        name: The module's.
        seconds: About how long `make bench` runs it.
        full_s: About how long `make bench-full` runs it; 0 where it has no long form.
        arguments: For `make bench`.
        publishes: Whether it takes the arguments of `bench.publish` and writes a page.
    """

    name: str
    seconds: float
    full_s: float = 0.0
    arguments: tuple[str, ...] = ()
    publishes: bool = True


PROGRAMS = (
    Program("decide", 110.0),
    Program("wide_graphs", 90.0, arguments=("--quick",), publishes=False),
    Program("rpc_overhead", 90.0, publishes=False),
    Program("split_compute", 50.0, publishes=False),
    Program("accounting", 70.0),
    Program("pipeline", 80.0),
    Program("estimators", 50.0, publishes=False),
    Program("idle_link", 60.0, publishes=False),
    Program("control_simulation", 20.0, publishes=False),
    Program("prediction", 220.0, full_s=4200.0),
    Program("paper_table", 160.0, full_s=5400.0),
    Program("real_link", 190.0, full_s=1500.0),
)


def present() -> tuple[Program, ...]:
    """Those that this checkout has."""
    return tuple(program for program in PROGRAMS if importlib.util.find_spec(f"bench.{program.name}") is not None)
