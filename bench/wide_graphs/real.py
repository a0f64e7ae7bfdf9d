"""Real wide graphs as layers with bytes and seconds, so that a benchmark needs no model: one JSON file each.

A file holds the model's name, how its seconds were measured, its outputs, and for each layer its name, what it reads,
its bytes and its seconds in the cloud. A further graph is a further file in `graphs/`. The edge is as slow as eight
clouds, by a factor of its own for each layer: no second machine was measured, and one factor for all would make many
splits equal.
"""

import json
import random
from pathlib import Path

from partitioner import CostProfile, Encoding, Layer, LayerGraph

FOLDER = Path(__file__).parent / "graphs"
_SLOWDOWN, _SPREAD = 8.0, 0.4
# Made up, but plausible: the share of the bytes that is sent, and bytes per second of encoding and decoding.
_ENCODINGS = {"zstd": (0.6, 150e6, 800e6), "uint8": (0.25, 600e6, 1500e6), "both": (0.15, 400e6, 1000e6)}


def names() -> list[str]:
    """The graphs that there are."""
    return sorted(path.stem for path in FOLDER.glob("*.json"))


def load(name: str, seed: int = 0) -> tuple[LayerGraph, CostProfile]:
    """A graph, and a profile whose edge is drawn with the seed."""
    data = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    layers = tuple(Layer(name, tuple(reads), size) for name, reads, size, _ in data["layers"])
    cloud_s = tuple(seconds for *_, seconds in data["layers"])
    rng = random.Random(seed)  # noqa: S311  # a made-up machine
    edge_s = tuple(_SLOWDOWN * seconds * rng.lognormvariate(0.0, _SPREAD) for seconds in cloud_s)
    return LayerGraph(layers, tuple(data["outputs"])), CostProfile(edge_s, cloud_s)


def encodings(graph: LayerGraph, count: int) -> tuple[Encoding, ...]:
    """Raw, and up to three made-up encodings."""
    sizes = [layer.output_bytes for layer in graph.layers]
    made = [
        Encoding(
            name,
            tuple(share * size for size in sizes),
            tuple(size / encode_hz for size in sizes),
            tuple(size / decode_hz for size in sizes),
        )
        for name, (share, encode_hz, decode_hz) in _ENCODINGS.items()
    ]
    return (Encoding.raw(graph), *made)[:count]
