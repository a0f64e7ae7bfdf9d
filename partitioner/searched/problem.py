"""One question in the form that every search takes: what each layer adds to each stage, on a flow network.

A split puts a layer on the edge or in the cloud, and sends a layer's tensor when it is on the edge with a reader in the
cloud. So each stage is a sum over layers, and a cut of the network costs a weighted sum of the three stages. Encoding
and decoding cost as sending does: once, if a reader is in the cloud.
"""

import math
from dataclasses import dataclass

import numpy as np

from partitioner.costs import CostProfile, Link
from partitioner.encodings import Encoding
from partitioner.evaluate import price
from partitioner.graph import LayerGraph
from partitioner.partition import Partition
from partitioner.scan import FloatArray
from partitioner.searched.min_cut import BoolArray, Cut, CutNetwork, Weights, model_arcs


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """A graph, a profile, a link and an encoding; made by `Problem.of`.

    Attributes:
        graph: The model.
        costs: Seconds of each layer at a load of 1.
        link: The network.
        encoding: The encoding of the cut.
        edge_load: Factor on the edge's times, encoding included.
        cloud_load: Factor on the cloud's times, decoding included.
        network: The graph's flow network.
        edge: float64 [layers], as all below: seconds that a layer adds to Te, on the edge.
        encode: To Te, on the edge with a reader in the cloud.
        up: To Tt, on the edge with a reader in the cloud.
        decode: To Tc, on the edge with a reader in the cloud.
        down: To Tt, in the cloud.
        cloud: To Tc, in the cloud.
    """

    graph: LayerGraph
    costs: CostProfile
    link: Link
    encoding: Encoding
    edge_load: float
    cloud_load: float
    network: CutNetwork
    edge: FloatArray
    encode: FloatArray
    up: FloatArray
    decode: FloatArray
    down: FloatArray
    cloud: FloatArray

    @classmethod
    def of(
        cls,
        graph: LayerGraph,
        costs: CostProfile,
        link: Link,
        encoding: Encoding | None = None,
        *,
        edge_load: float = 1.0,
        cloud_load: float = 1.0,
        network: CutNetwork | None = None,
    ) -> "Problem":
        """Computes the times of every layer.

        Args:
            graph: The model.
            costs: Seconds of each layer; valid for the graph.
            link: The network.
            encoding: The encoding of the cut, valid for the graph; None for raw.
            edge_load: Factor on the edge's times; finite, at least 0.
            cloud_load: Factor on the cloud's times; finite, at least 0.
            network: The graph's flow network, if there is one already.
        """
        encoding = Encoding.raw(graph) if encoding is None else encoding
        edge = edge_load * np.array(costs.edge_s, dtype=np.float64)
        down = np.zeros(len(graph))
        outputs = np.array(graph.structure.outputs, dtype=np.intp)
        size = np.array([graph.layers[i].output_bytes for i in outputs], dtype=np.float64)
        down[outputs] = _seconds(size, link.downlink_bps)
        sent_bytes = np.array(encoding.output_bytes, dtype=np.float64)
        sent_bytes[[not layer.sendable for layer in graph.layers]] = np.inf
        sending = (
            edge_load * np.array(encoding.encode_s, dtype=np.float64),
            _seconds(sent_bytes, link.uplink_bps),
            cloud_load * np.array(encoding.decode_s, dtype=np.float64),
        )
        # A tensor that may not be sent takes twice as long as the whole model on the edge, in every stage. So edge-only
        # is better than a split that sends it, whatever the weights, and no bound gets lower.
        forbidden = np.isinf(sent_bytes)
        if forbidden.any():
            for seconds in sending:
                seconds[forbidden] = 2.0 * math.fsum(edge.tolist()) or 1.0
        return cls(
            graph,
            costs,
            link,
            encoding,
            edge_load,
            cloud_load,
            CutNetwork(model_arcs(graph.structure)) if network is None else network,
            edge,
            *sending,
            down,
            cloud_load * np.array(costs.cloud_s, dtype=np.float64),
        )

    def weighted(self, weights: FloatArray) -> Weights:
        """Returns what each layer adds to a weighted sum of the stages; float64 [3]: the weights of Te, Tt, Tc."""
        edge, transfer, cloud = weights.tolist()
        return Weights(
            edge=edge * self.edge,
            cloud=cloud * self.cloud + transfer * self.down,
            send=edge * self.encode + transfer * self.up + cloud * self.decode,
        )

    def minimum(self, weights: FloatArray) -> Cut:
        """Returns a split of the smallest weighted sum of the stages."""
        return self.network.minimum(self.weighted(weights))

    def stages(self, inside: BoolArray, outside: BoolArray | None = None) -> FloatArray:
        """Returns Te, Tt, Tc of the placed layers; without `outside`, all layers not inside are in the cloud."""
        outside = ~inside if outside is None else outside
        crosses = np.zeros(len(inside), dtype=np.bool_)
        read, reader = self.network.arcs.read, self.network.arcs.reader
        crosses[read[inside[read] & outside[reader]]] = True
        return np.array(
            [
                self.edge[inside].sum() + self.encode[crosses].sum(),
                self.up[crosses].sum() + self.down[outside].sum(),
                self.cloud[outside].sum() + self.decode[crosses].sum(),
            ]
        )

    def price(self, inside: BoolArray) -> Partition:
        """Returns the split with the layers `inside` on the edge, its sums correctly rounded."""
        return price(
            self.graph,
            self.costs,
            self.link,
            frozenset(np.flatnonzero(inside).tolist()),
            self.encoding,
            edge_load=self.edge_load,
            cloud_load=self.cloud_load,
        )

    def edge_only(self) -> Partition:
        """Returns the split that has every layer on the edge."""
        return self.price(np.ones(len(self.graph), dtype=np.bool_))

    def cloud_only(self) -> Partition:
        """Returns the split that has only the model inputs on the edge."""
        inside = np.zeros(len(self.graph), dtype=np.bool_)
        inside[self.network.arcs.inputs] = True
        return self.price(inside)

    def inside(self, split: Partition) -> BoolArray:
        """Returns which layers a split has on the edge: bool [layers]."""
        return np.array([layer.name in split.edge for layer in self.graph.layers], dtype=np.bool_)


def _seconds(size: FloatArray, rate_bps: float) -> FloatArray:
    """Transfer times; infinity becomes a finite time that is never chosen but can be summed."""
    with np.errstate(over="ignore", invalid="ignore"):
        return np.minimum(8.0 * size / rate_bps, 1e200)
