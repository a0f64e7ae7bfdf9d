"""One graph's splits for a planner: priced at once or beside the frames, and what was last chosen of them.

The graph is the model's, or the one with a layer in front that stands for the packets of a source.
"""

from collections.abc import Sequence, Sized

from edge_service.control.conditions import Conditions
from edge_service.control.packets import PacketLayer, PacketRoute
from edge_service.control.plan import Mode, Plan
from edge_service.control.tables.among import Among
from edge_service.control.tables.jobs import Job
from edge_service.control.tables.live_splits import LiveSplits
from edge_service.control.tables.work import BackgroundWork
from partitioner import CostProfile, Encoding, LayerGraph, Partition, splits_of
from partitioner.listed.split_table import SplitTable
from partitioner.splits import Splits

# Pricing so many splits anew, four encodings included, takes about a millisecond. More are priced in the background.
_PRICED_AT_ONCE = 2_000


class GraphSplits:
    """See the module docstring. Costs and encodings are given as those of the model, whichever graph it is.

    Args:
        model: The model.
        costs: Seconds of its layers.
        route: The source's packets, if it has any.
        layer: The layer in front of the model; None for the model itself.
        interval_s: See `BackgroundWork`.
        tolerance: See there.
        asks: See there.

    Attributes:
        graph: The graph.
        layer: As the argument.
        splits: The graph's splits at the numbers of now.
        everything: The split that runs every layer on the edge.
        work: What is due in the background.
        plan: The last plan of these splits.
        conditions: What it was made for; None if it must be made again.
        chosen: Its split in this graph, if frames were offloaded then.
        contrary_since_s: Since when the mode of choices differs from that of the plan; None if it does not.
        ready: The splits that were ready when the plan had to be made of these; None if its split was ready.
    """

    def __init__(
        self,
        model: LayerGraph,
        costs: CostProfile,
        route: PacketRoute | None,
        layer: PacketLayer | None,
        *,
        interval_s: float,
        tolerance: float,
        asks: bool,
    ) -> None:
        self._route, self.layer = route, layer
        self.graph = model if layer is None else layer.graph
        splits = splits_of(self.graph, self._costs(costs), self._encodings(()))
        at_once = isinstance(splits, SplitTable) and len(splits) <= _PRICED_AT_ONCE
        known = [] if layer is None else [layer.decoded]
        self.splits: Splits = splits if at_once else LiveSplits.of(splits, known)
        self.everything = frozenset(each.name for each in self.graph.layers)
        self.work = BackgroundWork(splits, interval_s, tolerance, asks=asks)
        self.plan: Plan | None = None
        self.conditions: Conditions | None = None
        self.chosen: Partition | None = None
        self.contrary_since_s: float | None = None
        self.ready: tuple[frozenset[str], ...] | None = None
        self._priced: LiveSplits | None = None

    @classmethod
    def of(
        cls,
        model: LayerGraph,
        costs: CostProfile,
        route: PacketRoute | None,
        *,
        interval_s: float,
        tolerance: float,
        asks: bool,
    ) -> "tuple[GraphSplits, ...]":
        """Those of the model, and those of the graph with a layer in front, if packets can be sent for its input."""
        layers = (None,) if route is None or route.layer is None else (None, route.layer)
        return tuple(
            cls(model, costs, route, layer, interval_s=interval_s, tolerance=tolerance, asks=asks) for layer in layers
        )

    @property
    def mode(self) -> Mode:
        """The mode of the last plan."""
        return Mode.LIGHT if self.plan is None else self.plan.mode

    @property
    def table_splits(self) -> int:
        """How many splits the table has that answers decisions; 0 while no table does."""
        table = self.table
        return len(table) if isinstance(table, Sized) else 0

    @property
    def table(self) -> Splits | None:
        """The table that answers decisions, at the numbers of now; None while there is none."""
        return self.splits.answering if isinstance(self.splits, LiveSplits) else self.splits

    def among(self, edges: Sequence[frozenset[str]]) -> Among:
        """These splits as if there were no others; each is priced once for the numbers of now."""
        if isinstance(self.splits, LiveSplits):
            return Among(self.splits, edges)
        if self._priced is None or self._priced.answering is not self.splits:
            self._priced = LiveSplits.of(self.splits)
        return Among(self._priced, edges)

    def cost(self, costs: CostProfile) -> None:
        """Prices them with other times of the model.

        Raises:
            PartitionError: The times do not fit the model.
        """
        self.splits = self.splits.with_costs(self._costs(costs))
        self.conditions = None

    def encode(self, encodings: tuple[Encoding, ...]) -> None:
        """Prices them with other encodings of the model.

        Raises:
            PartitionError: An encoding does not fit the model.
        """
        self.splits = self.splits.with_encodings(self._encodings(encodings))
        self._encodings_changed()

    def resize(self, encodings: tuple[Encoding, ...]) -> None:
        """Prices them with encodings of the model that differ from those of now in sizes only."""
        if not isinstance(self.splits, LiveSplits):
            self.encode(encodings)
            return
        self.splits = self.splits.resized(self._encodings(encodings))
        self._encodings_changed()

    def knows(self, encoding: str) -> bool:
        """Whether a cut can be sent in this encoding."""
        return encoding == "raw" or any(each.name == encoding for each in self.splits.encodings)

    def sends_packets(self, split: Partition) -> bool:
        """Whether a split of this graph sends packets."""
        return self.layer is not None and self.layer.sends_packets(split)

    def outward(self, split: Partition, cloud_load: float) -> Partition:
        """A split of this graph, priced at this load, as one of the model."""
        if self._route is None or self.layer is None:
            return split
        return self.layer.outward(split, self._route.estimates.prices, cloud_load)

    def of_model(self, edge: frozenset[str]) -> frozenset[str]:
        """The model's layers on the edge, of those of a split of this graph."""
        return edge if self.layer is None else self.layer.of_model(edge)

    def like(self, edge: frozenset[str], *, packets_only: bool) -> tuple[frozenset[str], ...]:
        """The splits of this graph that have these layers of the model on the edge, or only the one of packets."""
        if self.layer is None:
            return () if packets_only else (edge,)
        packed = (frozenset({self.layer.name}),) if edge == {self.layer.image} else ()
        return packed if packets_only else (*packed, edge | {self.layer.name})

    def inward(self, split: Partition) -> Partition:
        """A split of the model as one of this graph."""
        return split if self.layer is None else self.layer.inward(split)

    def stays(self, used: Partition | None) -> bool:
        """Whether the plan would be the same with this split in use: it was in use then, or is the plan's."""
        before = None if self.conditions is None else self.conditions.used
        return used is None or any(
            other is not None and (used.edge, used.encoding) == (other.edge, other.encoding)
            for other in (self.chosen, before)
        )

    def nothing_sent(self) -> None:
        """Nothing can be offloaded now: no split is in use, and nothing is due."""
        self.work.dropped()
        self.conditions = self.chosen = self.contrary_since_s = self.ready = None

    def work_due(self, now_s: float) -> Job | None:
        """The job to begin now in the background, or None; see `BackgroundWork`."""
        return self.work.due(self.splits, now_s) if isinstance(self.splits, LiveSplits) else None

    def work_ended(self, job: Job, result: Splits | Partition | None, now_s: float) -> bool:
        """Takes the result of a job, None if it failed; returns whether it was used."""
        ours = self.work.ended(job, result is not None, now_s)
        if not ours or result is None or not isinstance(self.splits, LiveSplits):
            return False
        self.splits = self.splits.with_result(job, result)
        self.conditions = None
        return True

    def _costs(self, model: CostProfile) -> CostProfile:
        return model if self._route is None else self._route.costs(model, self.layer)

    def _encodings(self, model: tuple[Encoding, ...]) -> tuple[Encoding, ...]:
        if self._route is None or self.layer is None:
            return model
        return self._route.encodings(model or (self.layer.raw,), self.layer)

    def _encodings_changed(self) -> None:
        self.conditions = None
        if self.chosen is not None and not self.knows(self.chosen.encoding):
            self.chosen = None  # another cloud, which does not accept the encoding in use
