"""Models as the control simulation sees them: a graph, measured layer times, and the splits that may be best.

`measure` profiles real models once; the simulation reads what it wrote, so that it needs neither torch nor quiet cores
and gives the same numbers everywhere.
"""

import json
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.live.every_split import EverySplit
from partitioner import CostProfile, Layer, LayerGraph, Link
from partitioner.evaluate import evaluate

MODELS = (
    "torchvision:alexnet",
    "torchvision:resnet18",
    "torchvision:googlenet",
    "zoo:efficientnet_lite0",
    "zoo:tiny_yolov2",
)
PROFILES = Path(__file__).parents[2] / "docs" / "benchmarks" / "control_profiles.json"
_RUNS = 6


@dataclass(frozen=True, slots=True)
class Split:
    """What a frame costs with one split, without the link.

    `rest_s` are the seconds of the tail on the edge, where the cloud does not answer.
    """

    edge: frozenset[str]
    edge_s: float
    sent_bytes: float
    cloud_s: float
    rest_s: float
    remote: bool


@dataclass(frozen=True, slots=True)
class SimulatedModel:
    """A model on an edge that is slower than the cloud.

    Attributes:
        splits: Those of which none other is at least as good in head, bytes and tail: whatever the link, the queue
            and the load, the best split is among them. From few layers on the edge to all.
    """

    name: str
    graph: LayerGraph
    costs: CostProfile
    splits: tuple[Split, ...]

    def split_of(self, edge: frozenset[str]) -> Split:
        known = next((split for split in self.splits if split.edge == edge), None)
        return known or priced(self.graph, self.costs, edge)


def priced(graph: LayerGraph, costs: CostProfile, edge: frozenset[str]) -> Split:
    split = evaluate(graph, costs, Link(8.0), edge)  # a byte takes a second
    rest_s = math.fsum(costs.edge_s) - split.edge_s
    return Split(edge, split.edge_s, split.transfer_s, split.cloud_s, rest_s, remote=bool(split.cut))


def measure(path: Path = PROFILES) -> None:
    """Profiles the models on this machine (the quickest of several profiles, cores may be shared) and writes them."""
    import split_model  # noqa: PLC0415 - takes seconds, and a simulation needs none of it

    record = []
    for spec in MODELS:
        model = split_model.load(spec)
        layer_s = min((split_model.profile(model) for _ in range(_RUNS)), key=lambda profile: profile.whole_s).layer_s
        layers = zip(model.graph.layers, layer_s, strict=True)
        told = [[layer.name, list(layer.inputs), layer.output_bytes, seconds] for layer, seconds in layers]
        record.append({"model": spec, "outputs": list(model.graph.outputs), "layers": told})
    path.write_text(json.dumps(record) + "\n", encoding="utf-8")


def load(spec: str, slowdown: float) -> SimulatedModel:
    """Reads a measured model; the measured times are the cloud's.

    Raises:
        KeyError: The file does not hold it.
    """
    record = {row["model"]: row for row in json.loads(PROFILES.read_text(encoding="utf-8"))}[spec]
    layers = tuple(Layer(name, tuple(inputs), size) for name, inputs, size, _ in record["layers"])
    graph = LayerGraph(layers, tuple(record["outputs"]))
    cloud_s = tuple(float(seconds) for *_, seconds in record["layers"])
    costs = CostProfile(tuple(seconds * slowdown for seconds in cloud_s), cloud_s)
    splits = tuple(priced(graph, costs, edge) for edge in _undominated(graph, costs))
    return SimulatedModel(f"{spec.partition(':')[2]} x{slowdown:g}", graph, costs, splits)


def _undominated(graph: LayerGraph, costs: CostProfile) -> list[frozenset[str]]:
    """The sets that send less than every set with a shorter head; the tail is what the head leaves."""
    splits = EverySplit(graph, costs.edge_s, costs.cloud_s)
    order = np.lexsort((splits.sent_bytes, splits.head_s))
    fewest = np.minimum.accumulate(splits.sent_bytes[order])
    kept = order[np.concatenate(([True], fewest[1:] < fewest[:-1]))].tolist()
    everything = len(splits) - 1
    return [frozenset(splits.edge(index)) for index in (kept if kept[-1] == everything else [*kept, everything])]
