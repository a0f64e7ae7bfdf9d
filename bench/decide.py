"""How long a decision takes: building the closed-set table, pricing it anew, and deciding again on a changed link.

Run with ``python -m bench.decide``. Synthetic graphs: a chain, and one with the branches of Inception-v3.
"""

import random
import statistics
import time
from collections.abc import Callable

from partitioner import CostProfile, Layer, LayerGraph, Link, SplitTable


class GraphBuilder:
    """Appends layers one by one, as a model's forward would."""

    def __init__(self) -> None:
        self.layers = [Layer("image", (), 270_000)]
        self._random = random.Random(2019)  # noqa: S311  # sizes only

    def layer(self, *inputs: str) -> str:
        """Appends one layer and returns its name."""
        name = f"layer{len(self.layers)}"
        self.layers.append(Layer(name, inputs, self._random.randint(10_000, 1_000_000)))
        return name

    def run(self, start: str, length: int) -> str:
        """Appends a run of single layers and returns the last one's name."""
        for _ in range(length):
            start = self.layer(start)
        return start

    def graph(self) -> LayerGraph:
        """Returns the graph so far; the last layer is its output."""
        return LayerGraph(tuple(self.layers), outputs=(self.layers[-1].name,))

    def costs(self) -> CostProfile:
        """Returns times for it, the cloud ten times faster."""
        edge_s = tuple(self._random.uniform(1e-4, 1e-2) for _ in self.layers)
        return CostProfile(edge_s, tuple(seconds / 10 for seconds in edge_s))


def chain(length: int) -> GraphBuilder:
    builder = GraphBuilder()
    builder.run("image", length)
    return builder


def inception_like() -> GraphBuilder:
    """The branches of Inception-v3; each of its convolutions is three layers, with normalisation and activation."""
    builder = GraphBuilder()
    start = builder.run("image", 17)
    for branches in ([(3, 6, 9, 4)] * 3, [(3, 9, 1)], [(3, 9, 15, 4)] * 4, [(6, 12, 1)]):
        for lengths in branches:
            start = builder.layer(*(builder.run(start, length) for length in lengths))
    for _ in range(2):
        short, long = builder.run(start, 3), builder.run(start, 6)
        forks = [builder.layer(builder.run(fork, 3), builder.run(fork, 3)) for fork in (short, long)]
        start = builder.layer(builder.run(start, 3), *forks, builder.run(start, 4))
    builder.run(start, 4)
    return builder


def median_s(call: Callable[[], object], repeats: int) -> float:
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        call()
        times.append(time.perf_counter() - begin)
    return statistics.median(times)


def report(name: str, builder: GraphBuilder) -> None:
    graph, costs = builder.graph(), builder.costs()
    table = SplitTable(graph, costs)
    rng = random.Random(1)  # noqa: S311  # link rates only
    links = [Link(10 ** rng.uniform(5, 9), fixed_s=0.01) for _ in range(200)]
    build_s = median_s(lambda: SplitTable(graph, costs), 9)
    reprice_s = median_s(lambda: table.with_costs(costs), 9)
    heavy_hz = 0.9 * table.decide(links[0], 1.0).max_rate_hz
    light_s = median_s(lambda: table.decide(links[rng.randrange(200)], 1e-3), 2000)
    heavy_s = median_s(lambda: table.decide(links[rng.randrange(200)], heavy_hz, edge_load=1.1, cloud_load=1.3), 2000)
    print(
        f"{name:16}{len(graph):8}{len(table):10,}{build_s * 1e3:11.1f}{reprice_s * 1e3:11.1f}"
        f"{light_s * 1e6:11.1f}{heavy_s * 1e6:11.1f}"
    )


def main() -> None:
    print(f"{'graph':16}{'layers':>8}{'sets':>10}{'build ms':>11}{'price ms':>11}{'light µs':>11}{'heavy µs':>11}")
    report("chain of 250", chain(250))
    report("chain of 2,500", chain(2500))
    report("chain of 10,000", chain(10_000))
    report("inception-like", inception_like())


if __name__ == "__main__":
    main()
