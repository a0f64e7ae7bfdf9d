"""Exact scans: the best of many choices that are written as arrays of four numbers, for one link and load.

A choice is a split in one encoding. Seconds on the edge, bits up, bits down and seconds in the cloud depend on no
link, no load and no rate, so they are computed once; a question then takes a few operations on whole arrays.

Ties: the lowest latency takes the lower bottleneck, heavy load the lower latency, then both take fewer bits, then the
choice that comes first.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from partitioner.costs import Link, check_loads, check_rate

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Choices:
    """Choices as columns; the last one is edge-only, which has no fixed time.

    Attributes:
        edge_s: float64 [choices]: seconds on the edge, encoding included.
        bits_up: float64 [choices]: bits up; finite.
        bits_down: float64 [choices]: bits down; finite.
        cloud_s: float64 [choices]: seconds in the cloud, decoding included.
        tie: Numbers within this factor of the smallest count as equal to it: sums are rounded.
    """

    edge_s: FloatArray
    bits_up: FloatArray
    bits_down: FloatArray
    cloud_s: FloatArray
    tie: float

    def __len__(self) -> int:
        return len(self.edge_s)

    @classmethod
    def of(cls, rows: FloatArray, tie: float) -> "Choices":
        """Returns choices from float64 [choices, 4], a row for each."""
        edge_s, bits_up, bits_down, cloud_s = np.ascontiguousarray(rows.T)
        return cls(edge_s, bits_up, bits_down, cloud_s, tie)

    def only(self, kept: npt.NDArray[np.intp]) -> "Choices":
        """Returns some of the choices; the last one of them is edge-only."""
        return Choices(self.edge_s[kept], self.bits_up[kept], self.bits_down[kept], self.cloud_s[kept], tie=self.tie)

    def at(self, link: Link, edge_load: float = 1.0, cloud_load: float = 1.0) -> "Stages":
        """Applies the formulas of `partitioner.evaluate` to all choices, operation by operation."""
        check_loads(edge_load, cloud_load)
        with np.errstate(over="ignore"):  # on an extremely slow link, a transfer time of inf is right
            transfer_s = self.bits_up / link.uplink_bps
            if not math.isinf(link.downlink_bps):
                transfer_s += self.bits_down / link.downlink_bps
            edge_s = self.edge_s if edge_load == 1.0 else self.edge_s * edge_load
            cloud_s = self.cloud_s if cloud_load == 1.0 else self.cloud_s * cloud_load
            latency_s = edge_s + transfer_s
            latency_s += cloud_s
            if link.fixed_s > 0:
                edge_only_s = latency_s[-1]
                latency_s += link.fixed_s
                latency_s[-1] = edge_only_s
        bottleneck_s = np.maximum(edge_s, transfer_s)
        np.maximum(bottleneck_s, cloud_s, out=bottleneck_s)
        return Stages(self, link, edge_load, cloud_load, edge_s, transfer_s, cloud_s, latency_s, bottleneck_s)


@dataclass(frozen=True, slots=True, eq=False)
class Stages:
    """What every choice costs on one link: float64 [choices] each, in seconds."""

    choices: Choices
    link: Link
    edge_load: float
    cloud_load: float
    edge_s: FloatArray
    transfer_s: FloatArray
    cloud_s: FloatArray
    latency_s: FloatArray
    bottleneck_s: FloatArray

    def same_for(self, choices: Choices) -> "Stages":
        """Returns the stages of other choices on the same link and under the same load."""
        return choices.at(self.link, self.edge_load, self.cloud_load)

    def lowest_latency(self) -> int:
        """Returns the choice of the lowest latency."""
        ties = self._smallest(self.latency_s)
        if len(ties) > 1:
            ties = ties[self._smallest(self.bottleneck_s[ties])]
        return self._fewest_bits(ties)

    def smallest_bottleneck(self) -> int:
        """Returns the choice of the smallest bottleneck."""
        ties = self._smallest(self.bottleneck_s)
        if len(ties) > 1:
            ties = ties[self._smallest(self.latency_s[ties])]
        return self._fewest_bits(ties)

    def lowest_latency_at(self, rate_hz: float) -> int | None:
        """Returns the choice of the lowest latency among those that keep up with a rate; None if there is none."""
        check_rate(rate_hz, "rate_hz")
        keeping_up = np.flatnonzero(self.bottleneck_s < 1.0 / rate_hz)
        if len(keeping_up) == 0:
            return None
        ties = keeping_up[self._smallest(self.latency_s[keeping_up])]
        if len(ties) > 1:
            ties = ties[self._smallest(self.bottleneck_s[ties])]
        return self._fewest_bits(ties)

    def _fewest_bits(self, ties: npt.NDArray[np.intp]) -> int:
        if len(ties) > 1:
            bits = self.choices.bits_up[ties] + self.choices.bits_down[ties]
            ties = ties[self._smallest(bits)]
        return int(ties[0])

    def _smallest(self, values: FloatArray) -> npt.NDArray[np.intp]:
        """Returns the indices, ascending, of the smallest value and of those equal to it up to rounding."""
        return np.flatnonzero(values <= values.min() * self.choices.tie)
