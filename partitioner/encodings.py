"""Encodings of a cut: fewer bytes on the wire, for some seconds of encoding and decoding."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from partitioner.errors import PartitionError
from partitioner.graph import LayerGraph, are_numbers, check_number, first_repeated, is_text


@dataclass(frozen=True, slots=True)
class Encoding:
    """One way to send a whole cut: bytes and seconds of each layer's tensor, in graph order.

    `check` compares the numbers with a graph, so that an error names the layer.

    Attributes:
        name: Distinct among the encodings of one decision.
        output_bytes: Bytes of each layer's value on the wire, at least 0; inf for a layer that may not use this
            encoding. Only what goes up is encoded: outputs come down with the graph's bytes.
        encode_s: Seconds on the edge to encode each layer's value; finite, at least 0. Part of the edge's stage.
        decode_s: Seconds in the cloud to decode it; finite, at least 0. Part of the cloud's stage.

    Example:
        >>> from partitioner import CostProfile, Layer, LayerGraph, Link, decide
        >>> graph = LayerGraph((Layer("image", (), 1000), Layer("conv", ("image",), 10)), outputs=("conv",))
        >>> costs = CostProfile(edge_s=(0.0, 0.5), cloud_s=(0.0, 0.1))
        >>> zipped = Encoding("zipped", output_bytes=(250, 5), encode_s=(0.01, 0.0), decode_s=(0.002, 0.0))
        >>> for bps in (4e4, 4e7):
        ...     split = decide(graph, costs, Link(bps), 1.0, encodings=(Encoding.raw(graph), zipped)).partition
        ...     print(split.cut, split.encoding, round(split.latency_s, 4))
        ('image',) zipped 0.162
        ('image',) raw 0.1002
    """

    name: str
    output_bytes: tuple[float, ...]
    encode_s: tuple[float, ...]
    decode_s: tuple[float, ...]

    @classmethod
    def raw(cls, graph: LayerGraph) -> "Encoding":
        """Returns the raw encoding: the graph's bytes, without encoding time; inf for what cannot be sent."""
        nothing = (0.0,) * len(graph)
        sizes = tuple(layer.output_bytes if layer.sendable else math.inf for layer in graph.layers)
        return cls("raw", sizes, nothing, nothing)

    def check(self, graph: LayerGraph) -> None:
        """Raises `PartitionError`, naming the encoding and the layer, unless this is an encoding for `graph`."""
        if not is_text(self.name) or not self.name:
            raise PartitionError(f"encoding name {self.name!r}: expected a non-empty string")
        for what, numbers in (
            ("output_bytes", self.output_bytes),
            ("encode_s", self.encode_s),
            ("decode_s", self.decode_s),
        ):
            if len(numbers) != len(graph):
                without = [layer.name for layer in graph.layers[len(numbers) :]]
                hint = f"; the first without one is {without[0]!r}" if without else ""
                raise PartitionError(
                    f"encoding {self.name!r}: {what} has {len(numbers)} numbers for {len(graph)} layers{hint}"
                )
            finite = [number for number in numbers if number != math.inf] if what == "output_bytes" else numbers
            if not are_numbers(finite):
                for layer, number in zip(graph.layers, numbers, strict=True):
                    if what != "output_bytes" or number != math.inf:
                        check_number(number, f"encoding {self.name!r}, layer {layer.name!r}: {what}")
            # Transfer times are computed from bits.
            if math.isinf(8.0 * sum(finite)):
                raise PartitionError(f"encoding {self.name!r}: {what} of all layers add up to infinity")


def check_encodings(graph: LayerGraph, encodings: Sequence[Encoding]) -> tuple[Encoding, ...]:
    """Returns the encodings to choose from; only raw if none are given.

    Raises:
        PartitionError: One does not fit the graph, or two have the same name.
    """
    for encoding in encodings:
        encoding.check(graph)
    repeated = first_repeated(tuple(encoding.name for encoding in encodings))
    if repeated is not None:
        raise PartitionError(f"encoding {repeated!r} is repeated: names must be distinct")
    return tuple(encodings) or (Encoding.raw(graph),)


def find_encoding(encodings: Sequence[Encoding], name: str) -> Encoding | None:
    """Returns the encoding of that name; None for "raw" where no encoding has that name.

    Raises:
        PartitionError: There is no such encoding.
    """
    for encoding in encodings:
        if encoding.name == name:
            return encoding
    if name != "raw":
        known = ", ".join(repr(encoding.name) for encoding in encodings)
        raise PartitionError(f"encoding {name!r} is not one to choose from; there are {known}")
    return None
