"""`BoundedDict`: a dict with a maximum number of items, which deletes the oldest items."""

from collections import OrderedDict
from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")


class BoundedDict(OrderedDict[K, V]):
    """A dict of at most ``max_items`` items, in the order in which they were last set.

    Setting a new key in a full dict deletes the oldest item. Setting an existing key makes its item
    the newest; reading does not change the order. Every operation takes constant time, unlike in a
    plain dict, where finding the first item gets slower with each deleted item.
    """

    def __init__(self, max_items: int) -> None:
        super().__init__()
        self._max_items = max_items

    def __setitem__(self, key: K, value: V) -> None:
        super().__setitem__(key, value)
        self.move_to_end(key)
        if len(self) > self._max_items:
            self.popitem(last=False)
