"""Which layers of a block must be remembered while its closed sets are listed, and in which bit.

Growing a set by a layer tests whether the layer's predecessors are inside, and whether other readers of their tensors
are. After the last test of a layer, its bit is free for another layer. So a word of 64 bits serves blocks of any length
and moderate width.
"""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

WORD = 64


@dataclass(frozen=True, slots=True)
class LiveSlots:
    """Bit numbers of the layers of one block.

    Attributes:
        slot: The bit of each layer of the block, or None if no later layer tests it.
        count: How many bits are needed.
    """

    slot: tuple[int | None, ...]
    count: int

    @property
    def words(self) -> int:
        """How many 64-bit words hold all bits."""
        return -(-self.count // WORD)


def assign_slots(needed_until: Sequence[int]) -> LiveSlots:
    """Gives each layer the lowest bit that is free from its own step to the last step that needs it.

    Args:
        needed_until: For each layer of a block, the last layer that tests whether it is inside; its own number or less
            if none does.

    Example:
        >>> assign_slots([1, 3, 3, 3]).slot
        (0, 1, 0, None)
    """
    free: list[int] = []
    busy: list[tuple[int, int]] = []
    slots: list[int | None] = []
    count = 0
    for number, until in enumerate(needed_until):
        while busy and busy[0][0] < number:
            heapq.heappush(free, heapq.heappop(busy)[1])
        if until <= number:
            slots.append(None)
            continue
        if not free:
            heapq.heappush(free, count)
            count += 1
        slot = heapq.heappop(free)
        heapq.heappush(busy, (until, slot))
        slots.append(slot)
    return LiveSlots(tuple(slots), count)


def masks(slots: LiveSlots, layers: Sequence[int]) -> dict[int, int]:
    """Returns, by word, the bits of some layers."""
    found: dict[int, int] = {}
    for layer in layers:
        slot = slots.slot[layer]
        if slot is not None:
            found[slot // WORD] = found.get(slot // WORD, 0) | 1 << slot % WORD
    return found
