"""Light load: every split that can have the lowest latency on some link, found by minimum cuts.

A latency is a weighted sum of a split's four numbers, so only splits on the lower hull of all numbers can win, and for
any weights a minimum cut finds one that does. Cuts are made at the corners of the envelope of the splits found so far
(see `partitioner.tabled.weight_corners`) until no corner shows a better split. Then the splits are complete: the best
of them is the best of all, whatever the weights. Real models have 8 to 200 such splits, found by five to six cuts
each.

The fixed time of a call is not part of a cut. It does not matter: where the cut finds edge-only, edge-only is best
with a fixed time too; elsewhere every split but edge-only pays the same.
"""

from dataclasses import dataclass

import numpy as np

from partitioner.scan import FloatArray
from partitioner.searched.min_cut import BoolArray, CutNetwork, Weights
from partitioner.tabled.layer_numbers import Crossings, LayerNumbers, price_splits
from partitioner.tabled.weight_corners import envelope_corners

# A split is better, and a cut is proven, by at least this share of its weighted sum.
_BETTER = 1e-10
_CUT_PRECISION = 1e-11


@dataclass(frozen=True, slots=True, eq=False)
class LowerHull:
    """The splits of the lower hull of one encoding.

    Attributes:
        inside: bool [splits, layers]: edge-only first, then the others in the order in which they were found.
        rows: float64 [splits, 4]: their E, U, D, C.
        is_complete: Whether every corner was cut; if not, better splits may be missing.
        weights: float64 [cuts, 4]: the weights of E, U, D, C of each cut.
        bounds: float64 [cuts]: no split has a smaller weighted sum.
    """

    inside: BoolArray
    rows: FloatArray
    is_complete: bool
    weights: FloatArray
    bounds: FloatArray


def lower_hull(network: CutNetwork, crossings: Crossings, numbers: LayerNumbers, most_cuts: int) -> LowerHull:
    """Finds the splits of the lower hull.

    Args:
        network: The graph's flow network.
        crossings: The same graph.
        numbers: The profile and the encoding.
        most_cuts: How many minimum cuts may be made.
    """
    scale = _scale(network, numbers)
    inside = np.ones((1, network.arcs.count), dtype=np.bool_)
    rows = price_splits(inside, crossings, [numbers])[0, :, :4]
    seen: set[bytes] = set()
    weights: list[FloatArray] = []
    bounds: list[float] = []
    found_any = True
    while found_any and len(weights) < most_cuts:
        found_any = False
        corners = envelope_corners(rows / scale)
        heights = (corners @ (rows / scale).T).min(axis=1)
        for corner, height in zip(corners, heights, strict=True):
            if corner.tobytes() in seen:
                continue
            known = float((rows / scale @ corner).min())
            if known < height * (1.0 - _BETTER):  # no corner any more, since a split was found; less is rounding
                continue
            if len(weights) >= most_cuts:
                found_any = True
                break
            seen.add(corner.tobytes())
            cut = network.minimum(weighted(numbers, corner / scale), _CUT_PRECISION)
            weights.append(corner / scale)
            bounds.append(cut.lower_bound)
            if cut.cost < known * (1.0 - _BETTER):
                found_any = True
                inside = np.concatenate([inside, cut.inside[np.newaxis]])
                rows = np.concatenate([rows, price_splits(cut.inside[np.newaxis], crossings, [numbers])[0, :, :4]])
    return LowerHull(inside, rows, not found_any, np.array(weights).reshape(-1, 4), np.array(bounds))


def weighted(numbers: LayerNumbers, weights: FloatArray) -> Weights:
    """Returns what each layer adds to a weighted sum of E, U, D and C; inf for sending what is never sent."""
    edge, up, down, cloud = weights.tolist()
    return Weights(
        edge=edge * numbers.edge_s,
        cloud=cloud * numbers.cloud_s + _times(down, numbers.bits_down),
        send=edge * numbers.encode_s + _times(up, numbers.bits_up) + cloud * numbers.decode_s,
    )


def _times(weight: float, bits: FloatArray) -> FloatArray:
    """Inf stays inf even without weight."""
    never = np.isinf(bits)
    return np.where(never, np.inf, weight * np.where(never, 0.0, bits))


def _scale(network: CutNetwork, numbers: LayerNumbers) -> FloatArray:
    """Returns about the largest of each number, so that weights of one size matter alike."""
    up = numbers.bits_up[network.arcs.read]
    scale = np.array(
        [
            numbers.edge_s.sum(),
            up[np.isfinite(up)].max(initial=0.0),
            numbers.bits_down[np.isfinite(numbers.bits_down)].sum(),
            numbers.cloud_s.sum(),
        ]
    )
    return np.where(scale > 0.0, scale, 1.0)
