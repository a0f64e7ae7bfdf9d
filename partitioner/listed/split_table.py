"""The closed-set table: all splits of one model in four arrays, of which each decision is a scan.

A decision needs only Te, bytes up, bytes down and Tc of each split, and these do not depend on the network, the load or
the rate. So they are computed once, and each decision is an exact minimum over arrays, found in microseconds. With
encodings, the arrays have an entry for each choice of split and encoding (see `partitioner.listed.choices`).

The definitions are those of DADS (C. Hu, W. Bao, D. Wang, F. Liu, INFOCOM 2019, doi:10.1109/INFOCOM.2019.8737614),
section II-B; the table is not from the paper. Ties are those of `partitioner.scan`: of choices that are equal in
all, the set that is listed first (graph order, from the model inputs on), then the first encoding.
"""

import copy
import math
from collections.abc import Collection, Sequence

import numpy as np

from partitioner import scan
from partitioner.costs import CostProfile, Link, check_loads, check_rate
from partitioner.encodings import Encoding, check_encodings, find_encoding
from partitioner.evaluate import Sides, crossing, feasible_positions
from partitioner.graph import LayerGraph
from partitioner.listed.choices import Choices, list_choices
from partitioner.listed.closed_sets import ClosedSets
from partitioner.listed.listing import list_closed_sets
from partitioner.listed.set_sums import inside_and_outside
from partitioner.partition import Decision, Partition
from partitioner.scan import FloatArray

# Sums are correctly rounded, so equal costs differ at most by the rounding of a few operations.
_TIE = 1.0 + 8.0 * float(np.finfo(np.float64).eps)
_NAMES_KEPT = 128


class SplitTable:
    """Every split of one model, listed once and priced for one profile.

    Memory: 44 bytes per set and a few bits, 90 MB at the default limit; about twice that while it is built. With
    encodings 4 bytes per set and up to 56 for each encoding.

    Args:
        graph: The model.
        costs: Seconds of each layer.
        max_sets: How many closed sets may be listed.
        encodings: Encodings to choose from; if empty, only raw: the graph's bytes, without encoding time.

    Raises:
        TooManySplitsError: The graph has more closed sets.
        PartitionError: The costs or an encoding do not fit the graph, or two encodings have one name.

    Example:
        >>> from partitioner import Layer
        >>> graph = LayerGraph((Layer("image", (), 1000), Layer("conv", ("image",), 10)), outputs=("conv",))
        >>> table = SplitTable(graph, CostProfile(edge_s=(0.0, 0.5), cloud_s=(0.0, 0.1)))
        >>> len(table)
        2
        >>> table.dsl(Link(uplink_bps=8e4)).cut, table.dsl(Link(uplink_bps=8e3)).cut
        (('image',), ())
    """

    __slots__ = ("_bits_down", "_choices", "_costs", "_encodings", "_graph", "_names", "_scanned", "_sets", "_sides")

    _graph: LayerGraph
    _costs: CostProfile
    _sets: ClosedSets
    _encodings: tuple[Encoding, ...]
    _choices: Choices
    _bits_down: FloatArray
    _scanned: scan.Choices
    _names: dict[int, tuple[frozenset[str], tuple[str, ...]]]
    _sides: dict[frozenset[str], Sides]

    def __init__(
        self,
        graph: LayerGraph,
        costs: CostProfile,
        max_sets: int = 2_000_000,
        encodings: Sequence[Encoding] = (),
    ) -> None:
        costs.check(graph)
        self._encodings = check_encodings(graph, encodings)
        self._graph = graph
        self._sets = list_closed_sets(graph, max_sets)
        self._names = {}
        self._sides = {}
        self._encode()
        self._price(costs)

    @property
    def listed(self) -> bool:
        """True; see `partitioner.splits`."""
        return True

    @property
    def graph(self) -> LayerGraph:
        """The model."""
        return self._graph

    @property
    def costs(self) -> CostProfile:
        """The times that splits are priced with."""
        return self._costs

    @property
    def encodings(self) -> tuple[Encoding, ...]:
        """The encodings to choose from."""
        return self._encodings

    def __len__(self) -> int:
        return len(self._sets)

    def with_costs(self, costs: CostProfile) -> "SplitTable":
        """Returns the same sets at other costs; the listing is shared.

        Raises:
            PartitionError: The costs do not fit the graph.
        """
        costs.check(self._graph)
        table = copy.copy(self)
        table._price(costs)  # noqa: SLF001  # a copy of this very class
        return table

    def with_encodings(self, encodings: Sequence[Encoding]) -> "SplitTable":
        """Returns the same sets at the same costs, with other encodings; the listing is shared.

        Raises:
            PartitionError: An encoding does not fit the graph, or two have one name.
        """
        table = copy.copy(self)
        table._encodings = check_encodings(self._graph, encodings)  # noqa: SLF001  # a copy of this very class
        table._encode()  # noqa: SLF001
        table._price(self._costs)  # noqa: SLF001
        return table

    def dsl(self, link: Link, *, edge_load: float = 1.0, cloud_load: float = 1.0) -> Partition:
        """Returns the split of the lowest latency (DADS section III-B, "light workload"); see `Splits.dsl`."""
        stages = self._scanned.at(link, edge_load, cloud_load)
        return self._latency_partition(stages.lowest_latency(), stages)

    def dsh(
        self, link: Link, rate_hz: float | None = None, *, edge_load: float = 1.0, cloud_load: float = 1.0
    ) -> Partition:
        """Returns the split for heavy load; see `Splits.dsh`.

        It is exact. DADS (section III-C) finds a bottleneck within a factor of 3 of the smallest.
        """
        return self._heavy(self._scanned.at(link, edge_load, cloud_load), rate_hz)

    def decide(
        self,
        link: Link,
        rate_hz: float,
        *,
        edge_load: float = 1.0,
        cloud_load: float = 1.0,
    ) -> Decision:
        """Decides between light and heavy load, and returns the split for it; see `Splits.decide`."""
        check_rate(rate_hz, "rate_hz")
        stages = self._scanned.at(link, edge_load, cloud_load)
        period_s = 1.0 / rate_hz
        lowest = stages.lowest_latency()
        light = bool(stages.bottleneck_s[lowest] < period_s)
        partition = self._latency_partition(lowest, stages) if light else self._heavy(stages, rate_hz)
        smallest_s = float(stages.bottleneck_s.min())
        return Decision(
            partition=partition,
            mode="light" if light else "heavy",
            keeps_up=partition.bottleneck_s < period_s,
            max_rate_hz=1.0 / smallest_s if smallest_s > 0 else math.inf,
        )

    def evaluate(
        self,
        edge: Collection[str],
        link: Link,
        *,
        edge_load: float = 1.0,
        cloud_load: float = 1.0,
        encoding: str = "raw",
    ) -> Partition:
        """Prices one split, given by the names of its edge layers; see `Splits.evaluate`.

        Raises:
            PartitionError: The split is not feasible, or there is no such encoding.
        """
        check_loads(edge_load, cloud_load)
        named = find_encoding(self._encodings, encoding) or Encoding.raw(self._graph)
        sides = self._sides_of(frozenset(edge))
        return sides.price(self._costs, link, named, edge_load=edge_load, cloud_load=cloud_load)

    def _encode(self) -> None:
        self._choices = list_choices(self._graph, self._sets, self._encodings)
        outputs = frozenset(self._graph.structure.outputs)
        down = [layer.output_bytes if i in outputs else 0.0 for i, layer in enumerate(self._graph.layers)]
        _, bytes_down = inside_and_outside(self._sets, down)
        self._bits_down = 8.0 * bytes_down[self._choices.sets]

    def _price(self, costs: CostProfile) -> None:
        self._costs = costs
        choices = self._choices
        edge_s, _ = inside_and_outside(self._sets, costs.edge_s)
        _, cloud_s = inside_and_outside(self._sets, costs.cloud_s)
        edge_s, cloud_s = edge_s[choices.sets] + choices.encode_s, cloud_s[choices.sets] + choices.decode_s
        self._scanned = scan.Choices(edge_s, choices.bits_up, self._bits_down, cloud_s, tie=_TIE)

    def _heavy(self, stages: scan.Stages, rate_hz: float | None) -> Partition:
        best = None if rate_hz is None else stages.lowest_latency_at(rate_hz)
        if best is not None:
            return self._latency_partition(best, stages)
        best = stages.smallest_bottleneck()
        return self._partition(best, stages, float(stages.bottleneck_s[best]))

    def _latency_partition(self, index: int, stages: scan.Stages) -> Partition:
        return self._partition(index, stages, float(stages.latency_s[index]))

    def _partition(self, index: int, stages: scan.Stages, minimum_s: float) -> Partition:
        edge, cut = self._edge_and_cut(int(self._choices.sets[index]))
        offloads = index < len(self._choices) - 1
        return Partition(
            edge=edge,
            cut=cut,
            edge_s=float(stages.edge_s[index]),
            transfer_s=float(stages.transfer_s[index]),
            cloud_s=float(stages.cloud_s[index]),
            fixed_s=stages.link.fixed_s if offloads else 0.0,
            lower_bound_s=minimum_s,
            encoding=self._encodings[self._choices.encodings[index]].name if offloads else "raw",
            encode_s=float(self._choices.encode_s[index]) * stages.edge_load,
            decode_s=float(self._choices.decode_s[index]) * stages.cloud_load,
        )

    def _sides_of(self, edge: frozenset[str]) -> Sides:
        """What a split is, apart from numbers. A live loop prices the split in use for each frame, so it is cached."""
        sides = self._sides.get(edge)
        if sides is None:
            sides = Sides.of(self._graph, feasible_positions(self._graph, edge))
            if len(self._sides) >= _NAMES_KEPT:
                self._sides.clear()
            self._sides[edge] = sides
        return sides

    def _edge_and_cut(self, index: int) -> tuple[frozenset[str], tuple[str, ...]]:
        """Names a set's layers. A live loop uses few sets, so their names are cached."""
        names = self._names.get(index)
        if names is None:
            inside = self._sets.members(index)
            layers = self._graph.layers
            cut = tuple(layers[i].name for i in crossing(self._graph, inside))
            names = frozenset(layers[i].name for i in inside), cut
            if len(self._names) >= _NAMES_KEPT:
                self._names.clear()
            self._names[index] = names
        return names
