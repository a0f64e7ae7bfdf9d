"""Local improvement: moving single layers over the border between edge and cloud.

Cuts and the ways between them move many layers at once. On graphs where each layer reads far-away ones, that leaves a
percent or more which single layers make up: of those on the edge, one that no other on the edge reads may go to the
cloud; of those in the cloud, one whose predecessors are all on the edge may come. Which of these moves are made is
decided by simulated annealing, from a low temperature as the start is good already. Its random numbers have a fixed
seed, so that the same problem gets the same answer.

Reference: S. Kirkpatrick, C. D. Gelatt, M. P. Vecchi, "Optimization by Simulated Annealing", Science 220 (1983),
doi:10.1126/science.220.4598.671.
"""

import math
import random

import numpy as np

from partitioner.searched.min_cut import BoolArray
from partitioner.searched.remainder import StageArrays

# As shares of the largest stage at the start: the worsening that is accepted one time in e, at first and at last.
_HOT, _COLD = 3e-3, 3e-5


def move_layers(stages: StageArrays, start: BoolArray, moves: int) -> BoolArray:
    """Returns the split of the smallest bottleneck met on a walk of single moves; `start` itself where none is better.

    Args:
        stages: The problem.
        start: bool [layers]: a split.
        moves: How many moves to try.

    Complexity: O(layers + arcs) and O(degree of a layer) for each move.
    """
    border = _Border(stages, start)
    scale_s = max(border.stages_s)
    if not border.movable or not 0.0 < scale_s < math.inf:
        return start
    rng = random.Random(2019)  # noqa: S311  # no secret: the same walk each time
    value, best_s, best = _norm(border.stages_s, scale_s), scale_s, start
    cooling = (_COLD / _HOT) ** (1.0 / moves)
    temperature = _HOT
    for _ in range(moves):
        temperature *= cooling
        layer = border.movable[int(rng.random() * len(border.movable))]
        moved_s = border.after(layer)
        worse = _norm(moved_s, scale_s) - value
        if worse > 0.0 and rng.random() >= math.exp(-worse / temperature):
            continue
        border.move(layer, moved_s)
        value += worse
        if max(moved_s) < best_s:
            best_s, best = max(moved_s), np.array(border.inside, dtype=np.bool_)
        if not border.movable:
            break
    return best


def _norm(stages_s: tuple[float, float, float], scale_s: float) -> float:
    """Returns the 8-norm: near the maximum, but a move that lowers only the second largest stage counts too."""
    total = 0.0
    for seconds in stages_s:
        # Multiplied out: this is faster than a power, and beyond the largest float it is infinite instead of an error.
        squared = seconds / scale_s * (seconds / scale_s)
        squared *= squared
        total += squared * squared
    return float(total**0.125)


class _Border:
    """A split, and the layers that may change sides by themselves.

    Plain lists: a move touches a handful of numbers, for which numpy is the slower.
    """

    def __init__(self, stages: StageArrays, inside: BoolArray) -> None:
        self._predecessors, self._successors = stages.structure.predecessors, stages.structure.successors
        self._edge, self._cloud = stages.edge.tolist(), stages.cloud.tolist()
        self._encode, self._decode = stages.encode.tolist(), stages.decode.tolist()
        self._up, self._down = stages.up.tolist(), stages.down.tolist()
        self._fixed = frozenset(stages.structure.inputs)
        self.inside: list[bool] = inside.tolist()
        edge_s, transfer_s, cloud_s = stages.of_split(inside).tolist()
        self.stages_s: tuple[float, float, float] = (edge_s, transfer_s, cloud_s)
        self._reads_outside = [sum(not self.inside[i] for i in sources) for sources in self._predecessors]
        self._read_inside = [sum(self.inside[i] for i in readers) for readers in self._successors]
        self.movable: list[int] = []
        self._place: dict[int, int] = {}
        for layer in range(len(self.inside)):
            self._update(layer)

    def after(self, layer: int) -> tuple[float, float, float]:
        """Returns what the stages would be after a layer's move."""
        edge_s, transfer_s, cloud_s = self.stages_s
        # Either way, a layer that may move has all its readers in the cloud: on the edge, it sends its tensor.
        on_edge_s, sent_s, in_cloud_s = self._edge[layer], -self._down[layer], -self._cloud[layer]
        if self._successors[layer]:
            on_edge_s += self._encode[layer]
            sent_s += self._up[layer]
            in_cloud_s += self._decode[layer]
        leaves = self.inside[layer]
        for source in self._predecessors[layer]:
            others = len(self._successors[source]) - self._read_inside[source] - (0 if leaves else 1)
            if others == 0:
                on_edge_s -= self._encode[source]
                sent_s -= self._up[source]
                in_cloud_s -= self._decode[source]
        if leaves:
            return edge_s - on_edge_s, transfer_s - sent_s, cloud_s - in_cloud_s
        return edge_s + on_edge_s, transfer_s + sent_s, cloud_s + in_cloud_s

    def move(self, layer: int, stages_s: tuple[float, float, float]) -> None:
        """Moves a layer; `stages_s` is what `after` said."""
        self.stages_s = stages_s
        comes = not self.inside[layer]
        self.inside[layer] = comes
        for source in self._predecessors[layer]:
            self._read_inside[source] += 1 if comes else -1
            self._update(source)
        for reader in self._successors[layer]:
            self._reads_outside[reader] -= 1 if comes else -1
            self._update(reader)

    def _update(self, layer: int) -> None:
        """Keeps the list of layers that may move; the last one takes the place of one that leaves it."""
        blocked = self._read_inside[layer] if self.inside[layer] else self._reads_outside[layer]
        may_move = blocked == 0 and layer not in self._fixed
        if may_move == (layer in self._place):
            return
        if may_move:
            self._place[layer] = len(self.movable)
            self.movable.append(layer)
            return
        last, place = self.movable.pop(), self._place.pop(layer)
        if last != layer:
            self.movable[place], self._place[last] = last, place
