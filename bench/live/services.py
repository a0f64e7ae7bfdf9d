"""Cloud and edge as two processes at the two ends of a link: what every live benchmark runs on.

    with open_link(20e6, rtt_s=0.02) as link, serve(link, ["torchvision:alexnet"]) as live:
        model = live.load("torchvision:alexnet")
        frames = live.run(EdgeRun("torchvision:alexnet", live.address, frames=20))

Each side has one thread: on two cores neither takes the other's.
"""

import contextlib
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace

from bench.child import Child, end, started
from bench.links.shaped import ShapedLink
from bench.live.model_files import EngineName, spec_for
from bench.live.run import EdgeModel, EdgeRun, RunFrame
from partitioner import Layer, LayerGraph


@dataclass(frozen=True, slots=True)
class Live:
    """An edge that waits for runs, and the address at which it reaches a cloud that serves models.

    Attributes:
        edge: The edge.
        address: "HOST:PORT".
        loaded: What both ends load for each model.
    """

    edge: Child
    address: str
    loaded: Mapping[str, str]

    def load(self, spec: str) -> EdgeModel:
        layers, outputs, layer_s, whole_s = self.edge.ask({"model": self.loaded[spec]})
        graph = LayerGraph(tuple(Layer(name, tuple(inputs), size) for name, inputs, size in layers), tuple(outputs))
        return EdgeModel(graph, tuple(layer_s), whole_s)

    def run(self, run: EdgeRun, on_go: Callable[[], object] = lambda: None) -> list[RunFrame]:
        """Runs frames; returns them in order, without the warm-up.

        Args:
            run: What to run; its `cloud` is None or `address`.
            on_go: Called when the agent is connected, just before the first frame: the moment to start a trace.

        Raises:
            RuntimeError: The edge failed; its messages are on stderr.
        """
        self.edge.ask(asdict(replace(run, model=self.loaded[run.model])))
        on_go()
        return [RunFrame(**frame) for frame in self.edge.ask("go")]


@contextlib.contextmanager
def serve(link: ShapedLink, specs: Sequence[str], engine: EngineName = "torch") -> Iterator[Live]:
    """Starts both, and ends them with the context; the cloud serves the models by then.

    Both compute in the engine that is asked for, and measure their layers anew.
    """
    loaded = {spec: spec_for(engine, spec) for spec in specs}
    models = [word for spec in specs for word in ("--model", loaded[spec])]
    listen = ["--listen", link.listen, "--threads", "1", "--max-queue", "64", "--insecure"]
    command = [sys.executable, "-m", "dads", "cloud", *models, *listen, "--engine", engine, "--no-cache"]
    with started(link.on_cloud(command)) as cloud:
        said = [cloud.line() for _ in specs]  # "serving MODEL on HOST:PORT"
        address = link.dial(int(said[-1].rpartition(":")[2]))
        with started(link.on_edge(end("bench.live.edge:serve"))) as edge:
            yield Live(edge, address, loaded)
