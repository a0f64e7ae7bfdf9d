"""`TrunkAndRest`: a module in two parts, of which only the first has a fixed dataflow graph.

Every detector selects boxes, which depends on values: no graph of it can be traced. So such a model is divided. The
trunk is split like any model. The rest runs whole, as one layer, where the trunk ends.
"""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from split_model import structure
from split_model.structure import Tree

__all__ = ["TrunkAndRest"]


class TrunkAndRest(nn.Module):
    """A module that computes `rest(trunk(*inputs))`.

    Args:
        trunk: What torch.export can trace: shapes must not depend on values. Its return value may be nested.
        rest: Takes the trunk's return value. It may be any Python code. The sizes of the tensors that it returns may
            depend on values; their number, nesting, dtypes and numbers of dimensions may not. It keeps nothing from
            call to call, because several threads call it at once. It may write into what it is given: in heads and
            tails that are copies.

    Attributes:
        trunk: As given.
        rest: As given.

    Example:
        >>> class Positive(nn.Module):
        ...     def forward(self, scores):
        ...         return {"scores": scores[scores > 0]}
        >>> model = TrunkAndRest(nn.Linear(4, 8), Positive()).eval()
        >>> model(torch.ones(1, 4))["scores"].ndim
        1
    """

    def __init__(self, trunk: nn.Module, rest: nn.Module) -> None:
        super().__init__()
        self.trunk = trunk
        self.rest = rest

    def forward(self, *inputs: Tree, **named: Tree) -> Tree:
        """Runs both parts."""
        return self.rest(self.trunk(*inputs, **named))

    def nearby(self, computed: Tree, tolerance: float, count: int) -> Iterator[Tree]:
        """Return values of the rest for trunk outputs that are slightly off, as rounding makes them.

        They show which detections are close calls: those at a threshold, or nearly tied with another one.

        Args:
            computed: What the trunk returned.
            tolerance: How far an element is off at most, relative to the largest one of its tensor.
            count: How many return values to make; their errors come from a fixed seed.
        """
        leaves, nesting = structure.flatten(computed)
        generator = torch.Generator().manual_seed(0)
        for _ in range(count):
            yield self.rest(structure.unflatten([_off(leaf, tolerance, generator) for leaf in leaves], nesting))


def _off(leaf: object, tolerance: float, generator: torch.Generator) -> object:
    if not isinstance(leaf, Tensor):
        return leaf
    finite = leaf[leaf.isfinite()].abs()
    if not (leaf.is_floating_point() and finite.numel()):
        return leaf.clone()
    noise = torch.rand(leaf.shape, generator=generator).to(leaf) * 2 - 1
    return leaf + noise * (tolerance * float(finite.max()))
