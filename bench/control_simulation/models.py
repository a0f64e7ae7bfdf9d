"""Models as the control simulation sees them: a graph, measured layer times, and the splits that may be best.

`measure` profiles real models once; the simulation reads what it wrote, so that it needs neither torch nor quiet cores
and gives the same numbers everywhere.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from partitioner import CostProfile, Layer, LayerGraph
from partitioner.listed.listing import list_closed_sets
from partitioner.listed.set_sums import crossing, inside_and_outside

MODELS = (
    "torchvision:alexnet",
    "torchvision:resnet18",
    "torchvision:googlenet",
    "zoo:efficientnet_lite0",
    "zoo:tiny_yolov2",
)
PROFILES = Path(__file__).parents[2] / "docs" / "benchmarks" / "control_profiles.json"
_MOST_SETS = 100_000
_RUNS = 6


@dataclass(frozen=True, slots=True)
class Split:
    """What a frame costs with one split, without the link.

    Attributes:
        edge: Names of the layers on the edge.
        edge_s: Seconds of the head.
        sent_bytes: Bytes that cross; 0 where nothing is in the cloud.
        cloud_s: Seconds of the tail in the cloud.
        rest_s: Seconds of the tail on the edge, where the cloud does not answer.
    """

    edge: frozenset[str]
    edge_s: float
    sent_bytes: float
    cloud_s: float
    rest_s: float

    @property
    def remote(self) -> bool:
        """Whether anything runs in the cloud."""
        return self.rest_s > 0.0


@dataclass(frozen=True, slots=True)
class SimulatedModel:
    """A model on an edge that is `slowdown` times slower than the cloud.

    Attributes:
        name: Its name.
        graph: Its layers.
        edge_s: Seconds of each layer on the edge.
        cloud_s: Seconds of each layer in the cloud.
        splits: Those of which none other is at least as good in head, bytes and tail: whatever the link, the queue
            and the load, the best split is among them. From few layers on the edge to all.
    """

    name: str
    graph: LayerGraph
    edge_s: tuple[float, ...]
    cloud_s: tuple[float, ...]
    splits: tuple[Split, ...]

    @property
    def costs(self) -> CostProfile:
        """The times as the partitioner takes them."""
        return CostProfile(self.edge_s, self.cloud_s)

    def split_of(self, edge: frozenset[str]) -> Split:
        """Prices any closed set."""
        layers = self.graph.layers
        inside = [layer.name in edge for layer in layers]
        crossing = {name for layer, here in zip(layers, inside, strict=True) if not here for name in layer.inputs}
        return Split(
            edge=edge,
            edge_s=sum(s for s, here in zip(self.edge_s, inside, strict=True) if here),
            sent_bytes=float(
                sum(layer.output_bytes for layer in layers if layer.name in edge and layer.name in crossing)
            ),
            cloud_s=sum(s for s, here in zip(self.cloud_s, inside, strict=True) if not here),
            rest_s=sum(s for s, here in zip(self.edge_s, inside, strict=True) if not here),
        )


def measure(path: Path = PROFILES) -> None:
    """Profiles the models on this machine (the quickest of several profiles, cores may be shared) and writes them."""
    import split_model  # noqa: PLC0415 - takes seconds, and a simulation needs none of it

    record = []
    for spec in MODELS:
        model = split_model.load(spec)
        best = min((split_model.profile(model) for _ in range(_RUNS)), key=lambda profile: profile.whole_s)
        layers = zip(model.graph.layers, best.layer_s, strict=True)
        record.append(
            {
                "model": spec,
                "outputs": list(model.graph.outputs),
                "layers": [[layer.name, list(layer.inputs), layer.output_bytes, seconds] for layer, seconds in layers],
            }
        )
    path.write_text(json.dumps(record) + "\n", encoding="utf-8")


def load(spec: str, slowdown: float, path: Path = PROFILES) -> SimulatedModel:
    """Reads a measured model; the measured times are the cloud's.

    Raises:
        KeyError: The file does not hold it.
    """
    record: dict[str, Any] = {row["model"]: row for row in json.loads(path.read_text(encoding="utf-8"))}[spec]
    layers = tuple(Layer(name, tuple(inputs), size) for name, inputs, size, _ in record["layers"])
    graph = LayerGraph(layers, tuple(record["outputs"]))
    cloud_s = tuple(float(seconds) for *_, seconds in record["layers"])
    edge_s = tuple(seconds * slowdown for seconds in cloud_s)
    model = SimulatedModel(f"{spec.partition(':')[2]} x{slowdown:g}", graph, edge_s, cloud_s, ())
    splits = tuple(model.split_of(edge) for edge in _undominated(graph, edge_s))
    return SimulatedModel(model.name, graph, edge_s, cloud_s, splits)


def _undominated(graph: LayerGraph, edge_s: tuple[float, ...]) -> list[frozenset[str]]:
    """The sets that send less than every set with a shorter head; the tail is what the head leaves."""
    sets = list_closed_sets(graph, _MOST_SETS)
    head_s, _ = inside_and_outside(sets, edge_s)
    bytes_up = crossing(sets, [layer.output_bytes for layer in graph.layers])
    order = np.lexsort((bytes_up, head_s))
    fewest = np.minimum.accumulate(bytes_up[order])
    kept = order[np.concatenate(([True], fewest[1:] < fewest[:-1]))].tolist()
    if kept[-1] != len(sets) - 1:
        kept.append(len(sets) - 1)
    names = [layer.name for layer in graph.layers]
    return [frozenset(names[i] for i in sets.members(index)) for index in kept]
