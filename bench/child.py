"""A child process of a benchmark: started at one end of a link, asked in lines of JSON, ended with its context.

    with started(link.on_cloud(end("bench.copies.ends:serve"))) as cloud:
        port = cloud.hear()
        copied = cloud.ask("copied")

The child's side of that is `async def serve(parent: Parent) -> None`, or a plain function; it is given the words that
follow it on the command line. Whatever else it prints goes to stderr. It ends at the latest with its input, so it never
outlives the benchmark.
"""

import asyncio
import contextlib
import importlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TextIO

_GRACE_S = 20.0


@dataclass(frozen=True, slots=True)
class Child:
    process: subprocess.Popen[str]

    def tell(self, request: Any) -> None:  # noqa: ANN401 # whatever JSON holds
        with contextlib.suppress(BrokenPipeError):  # it has ended: `line` says so
            print(json.dumps(request), file=self.process.stdin, flush=True)

    def line(self) -> str:
        """Its next line, or a RuntimeError where it has ended; what it said is on stderr."""
        line = "" if self.process.stdout is None else self.process.stdout.readline()
        if not line:
            command, code = " ".join(map(str, self.process.args)), self.process.wait(_GRACE_S)  # type: ignore[arg-type] # strings
            raise RuntimeError(f"{command} ended with {code}; see its messages above")
        return line

    def hear(self) -> Any:  # noqa: ANN401 # whatever JSON holds
        return json.loads(self.line())

    def ask(self, request: Any = None) -> Any:  # noqa: ANN401 # whatever JSON holds
        self.tell(request)
        return self.hear()


@dataclass(frozen=True, slots=True)
class Parent:
    channel: TextIO

    def tell(self, answer: Any) -> None:  # noqa: ANN401 # whatever JSON holds
        print(json.dumps(answer), file=self.channel, flush=True)

    async def hear(self) -> Any:  # noqa: ANN401 # whatever JSON holds
        """What the next line says, or an EOFError where it is time to end."""
        line = await asyncio.to_thread(sys.stdin.readline)
        if not line:
            raise EOFError
        return json.loads(line)


def end(target: str, *arguments: object) -> list[str]:
    """Returns the command that runs "MODULE:FUNCTION" with some arguments, which arrive as JSON has them."""
    return [sys.executable, "-m", "bench.child", target, *map(json.dumps, arguments)]


@contextlib.contextmanager
def started(command: Sequence[str], environment: Mapping[str, str] | None = None) -> Iterator[Child]:
    """Runs a command, with one thread for torch, as long as the context lasts."""
    setup = {**os.environ, "OMP_NUM_THREADS": "1", **(environment or {})}
    pipe = subprocess.PIPE
    # A session of its own: an interrupt from the terminal reaches the benchmark alone, which then ends the child.
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=setup, start_new_session=True) as process:
        try:
            yield Child(process)
        finally:
            process.terminate()
            try:
                process.wait(_GRACE_S)
            except subprocess.TimeoutExpired:
                process.kill()


def main() -> None:
    module, _, name = sys.argv[1].partition(":")
    parent, sys.stdout = Parent(sys.stdout), sys.stderr
    with contextlib.suppress(EOFError):
        work = getattr(importlib.import_module(module), name)(parent, *map(json.loads, sys.argv[2:]))
        if asyncio.iscoroutine(work):
            asyncio.run(work)


if __name__ == "__main__":
    main()
