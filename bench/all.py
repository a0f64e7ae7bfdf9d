"""Runs the benchmarks one after another, each in a process of its own, and writes the overview.

Run with `make bench` (about 25 minutes on two cores), `make bench ARGS=NAME` for one of them, or `make bench-full` for
the long ones, which go on where they were interrupted. One that fails does not keep the others from running.
"""

import argparse
import subprocess
import sys
import time

from bench.publishing import overview
from bench.publishing.programs import PROGRAMS, Program
from bench.publishing.publish import FOLDER


def chosen(names: list[str], *, full: bool) -> list[Program]:
    """The programs to run.

    Raises:
        SystemExit: a name is not one of them.
    """
    here = {program.name: program for program in PROGRAMS if program.full_s or not full}
    unknown = [name for name in names if name not in here]
    if unknown:
        raise SystemExit(f"no benchmark is called {', '.join(unknown)}; there are: {', '.join(here)}")
    return [here[name] for name in names] if names else list(here.values())


def main() -> None:
    parser = argparse.ArgumentParser(description="Runs the benchmarks.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(program.name for program in PROGRAMS))
    parser.add_argument("--full", action="store_true", help="the long forms; finished cells are not measured again")
    parser.add_argument("--fresh", action="store_true", help="with --full: measure everything again")
    parser.add_argument("--note", default="", help="what a reader should know about this run, such as a shared machine")
    parser.add_argument("--list", action="store_true", help="list the benchmarks")
    options = parser.parse_args()
    programs = chosen(options.names, full=options.full)
    expected_s = {program.name: program.full_s if options.full else program.seconds for program in programs}
    if options.list:
        print("\n".join(f"{name:20}{seconds / 60:6.1f} min" for name, seconds in expected_s.items()))
        return
    print(f"{len(programs)} benchmarks, about {sum(expected_s.values()) / 60:.0f} minutes", flush=True)
    extra = ["--note", options.note, *(["--full"] if options.full else [])]
    extra += ["--fresh"] if options.fresh and options.full else []
    failed, began_s = [], time.monotonic()
    for number, program in enumerate(programs):
        at_s = time.monotonic()
        place = f"{number + 1} of {len(programs)}, {(at_s - began_s) / 60:.1f} min so far"
        print(f"\n=== {program.name} ({place})", flush=True)
        command = [sys.executable, "-m", f"bench.{program.name}", *extra]
        if subprocess.run(command, check=False).returncode:
            failed.append(program.name)
        print(f"=== {program.name}: {time.monotonic() - at_s:.0f} of {expected_s[program.name]:.0f} s", flush=True)
    overview.write(FOLDER)
    print(f"\n{(time.monotonic() - began_s) / 60:.1f} min in all; the overview is in {FOLDER}/README.md")
    if failed:
        raise SystemExit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
