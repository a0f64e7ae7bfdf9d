"""Cloud and edge as two processes at the two ends of a link: what every live benchmark runs on.

    with open_link(20e6, rtt_s=0.02) as link, serve(link, ["torchvision:alexnet"]) as live:
        model = live.load("torchvision:alexnet")
        result = live.run(EdgeRun("torchvision:alexnet", live.address, frames=20))

Each side has one thread: on two cores neither takes the other's.
"""

import contextlib
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from bench.child import Child, started
from bench.links.shaped import ShapedLink
from bench.live.run import EdgeModel, EdgeRun, RunResult

__all__ = ["Live", "serve"]


@dataclass(frozen=True, slots=True)
class Live:
    """A cloud that serves models, and an edge that waits for runs.

    Attributes:
        edge: The edge's process.
        address: What the edge dials to reach the cloud.
    """

    edge: Child
    address: str

    def load(self, spec: str) -> EdgeModel:
        """Loads and profiles a model on the edge."""
        return EdgeModel.from_json(self.edge.ask({"ask": "load", "model": spec}))

    def run(self, run: EdgeRun, on_go: Callable[[], object] | None = None) -> RunResult:
        """Runs frames.

        Args:
            run: What to run; its `cloud` is None or `address`.
            on_go: Called when the agent is connected, just before the first frame: the moment to start a trace.

        Raises:
            RuntimeError: The edge failed; its messages are on stderr.
        """
        self.edge.ask({"ask": "run", "run": run.as_json()})
        if on_go is not None:
            on_go()
        return RunResult.from_json(self.edge.ask({"go": True}))


@contextlib.contextmanager
def serve(link: ShapedLink, specs: Sequence[str]) -> Iterator[Live]:
    """Starts both, and ends them with the context; the cloud serves the models by then."""
    models = [word for spec in specs for word in ("--model", spec)]
    listen = ["--listen", link.listen, "--threads", "1", "--max-queue", "64", "--insecure"]
    command = [sys.executable, "-m", "dads", "cloud", *models, *listen]
    with started(link.on_cloud(command)) as cloud:
        said = [cloud.line() for _ in specs]  # "serving MODEL on HOST:PORT"
        address = link.dial(int(said[-1].rpartition(":")[2]))
        with started(link.on_edge([sys.executable, "-m", "bench.live.edge"])) as edge:
            yield Live(edge, address)
