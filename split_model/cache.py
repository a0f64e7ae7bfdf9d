"""A bounded cache: keys requested once cannot evict keys requested repeatedly.

Segmented LRU: a new key enters the first part, where it can evict only other new keys. A key requested again moves to
the second part. (R. Karedla, J. Love, B. Wherry, "Caching strategies to improve disk system performance", IEEE Computer
27(3), 1994.)
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Generic, TypeVar

__all__ = ["SegmentedCache"]

Key = TypeVar("Key", bound=Hashable)
Item = TypeVar("Item")


class SegmentedCache(Generic[Key, Item]):
    """A segmented LRU cache; safe to use from several threads.

    Args:
        size: Entries of each of the two parts.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._new: OrderedDict[Key, Item] = OrderedDict()
        self._used: OrderedDict[Key, Item] = OrderedDict()
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._new) + len(self._used)

    def get(self, key: Key, make: Callable[[], Item]) -> Item:
        """Returns the item of a key; on a miss, makes it with `make`, whose exceptions are passed on and not cached."""
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
        item = make()  # not under the lock: if two threads make it, either result is valid
        with self._lock:
            self._new[key] = item
            if len(self._new) > self._size:
                self._new.popitem(last=False)
        return item
