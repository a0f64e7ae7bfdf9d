"""torchvision's box operators in plain torch, for a torch that its compiled ones do not fit.

`nms` follows torchvision's kernel for CPUs operation by operation, so it keeps the same boxes in the same order.
`roi_align` is torchvision's own Python version, run on a few regions at a time, without its torch.compile, which would
need a C++ compiler on every machine.
"""

import importlib
import sys
from functools import cache

import torch
from torch import Tensor

__all__ = ["nms", "use_plain_operators"]

_ROWS = 256  # boxes whose overlaps with all later ones are computed at once
_REGIONS = 32  # regions that are pooled at once; each takes about a megabyte of memory


def nms(boxes: Tensor, scores: Tensor, iou_threshold: float) -> Tensor:
    """Non-maximum suppression: the boxes that overlap no better kept box by more than a threshold.

    Takes O(n^2) time, and O(n) memory.

    Args:
        boxes: [n, 4], as x1, y1, x2, y2.
        scores: [n]; of equal scores the earlier counts as the better one.
        iou_threshold: Intersection over union from which on (exclusively) the worse box is dropped.

    Returns:
        int64 [k]: positions of the kept boxes, by falling score.
    """
    order = scores.sort(stable=True, descending=True)[1]
    ranked = boxes[order]
    areas = (ranked[:, 2] - ranked[:, 0]) * (ranked[:, 3] - ranked[:, 1])
    kept = torch.ones(len(ranked), dtype=torch.bool).numpy()
    for first in range(0, len(ranked), _ROWS):
        rows = torch.from_numpy(kept[first : first + _ROWS].nonzero()[0] + first)
        over = _overlaps(ranked[rows], areas[rows], ranked[first:], areas[first:], iou_threshold).cpu().numpy()
        for row, place in zip(over, rows.tolist(), strict=True):
            if kept[place]:
                kept[place + 1 :] &= ~row[place + 1 - first :]
    return order[torch.from_numpy(kept).to(order.device)]


def _overlaps(rows: Tensor, row_areas: Tensor, others: Tensor, areas: Tensor, threshold: float) -> Tensor:
    """Bool [rows, others]: whether the intersection over union is more than the threshold."""
    low = torch.maximum(rows[:, None, :2], others[None, :, :2])
    high = torch.minimum(rows[:, None, 2:], others[None, :, 2:])
    sides = (high - low).clamp(min=0)
    shared = sides[..., 0] * sides[..., 1]
    ratio = shared / (row_areas[:, None] + areas[None, :] - shared)
    return ratio.double() > threshold  # the kernel compares in double precision too


@cache
def use_plain_operators() -> torch.library.Library | None:
    """Gives torchvision these operators, once, where its own do not load.

    Returns:
        What registers them: they are removed when it is garbage collected. `None` where torchvision has its own.
    """
    if importlib.import_module("torchvision.extension")._has_ops():  # noqa: SLF001  # has no public name
        return None
    library = torch.library.Library("torchvision", "IMPL")  # type: ignore[no-untyped-call]  # torch leaves it untyped
    library.impl("nms", nms, "CompositeExplicitAutograd")  # type: ignore[no-untyped-call]  # likewise
    boxes = importlib.import_module("torchvision.ops.boxes")
    boxes._assert_has_ops = lambda: None  # type: ignore[attr-defined]  # noqa: SLF001  # it would refuse to call ours
    pooling = sys.modules["torchvision.ops.roi_align"]  # as an attribute of its package, this name is a function
    whole = pooling._roi_align.__wrapped__  # noqa: SLF001  # has no public name

    def in_blocks(features: Tensor, regions: Tensor, *settings: object) -> Tensor:
        blocks = [whole(features, block, *settings) for block in torch.split(regions, _REGIONS)]
        return blocks[0] if len(blocks) == 1 else torch.cat(blocks)

    pooling._roi_align = in_blocks  # type: ignore[attr-defined]  # noqa: SLF001  # `roi_align` calls it by this name
    return library
