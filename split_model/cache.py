"""A bounded cache that a flood of new keys cannot wash out.

Keys seen once wait in a small part of the cache, where they push out only each other; a key asked for again moves to
the protected part (segmented LRU; R. Karedla, J. Love, B. Wherry, "Caching strategies to improve disk system
performance", IEEE Computer 27(3), 1994).
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Generic, TypeVar

__all__ = ["SegmentedCache"]

Key = TypeVar("Key", bound=Hashable)
Item = TypeVar("Item")


class SegmentedCache(Generic[Key, Item]):
    """Remembers what was made for a key; safe to use from several threads.

    Args:
        size: Number of entries of each of the two parts.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._new: OrderedDict[Key, Item] = OrderedDict()
        self._used: OrderedDict[Key, Item] = OrderedDict()
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._new) + len(self._used)

    def get(self, key: Key, make: Callable[[], Item]) -> Item:
        """Returns the entry of a key, made where there is none; what `make` raises is passed on and not remembered."""
        with self._lock:
            if key in self._used:
                self._used.move_to_end(key)
                return self._used[key]
            if key in self._new:
                item = self._used[key] = self._new.pop(key)
                if len(self._used) > self._size:
                    demoted, old = self._used.popitem(last=False)
                    self._new[demoted] = old
                return item
        item = make()  # not under the lock: two threads may both make it, and either's will do
        with self._lock:
            self._new[key] = item
            if len(self._new) > self._size:
                self._new.popitem(last=False)
        return item
