"""Changes whose commit was interrupted: they may be stored, but have not been published."""

from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

from app.concurrency.bounded_dict import BoundedDict
from app.domain.errors import Unconfirmed

Key = TypeVar("Key", bound=Hashable)
Change = TypeVar("Change")


class UnconfirmedChanges(Generic[Key, Change]):
    """Remembers, for each key, the last change that was `Unconfirmed`.

    The service that owns the instance publishes such a change when a client repeats the request, or
    when the service finds that the change was stored. Changes are kept in memory only.

    Args:
        limit: The maximum number of remembered changes; the oldest is forgotten first.
    """

    def __init__(self, limit: int) -> None:
        self._changes: BoundedDict[Key, Change] = BoundedDict(limit)

    def __len__(self) -> int:
        return len(self._changes)

    @contextmanager
    def watch(self, key: Key, change: Change) -> Iterator[None]:
        """Remember the change if the block raises `Unconfirmed`."""
        try:
            yield
        except Unconfirmed:
            self.remember(key, change)
            raise

    def remember(self, key: Key, change: Change) -> None:
        """Remember an unconfirmed change, replacing an earlier one of the same key."""
        self._changes[key] = change

    def get(self, key: Key) -> Change | None:
        """Return the remembered change of a key, or None."""
        return self._changes.get(key)

    def items(self) -> list[tuple[Key, Change]]:
        """Return every remembered change with its key, oldest first."""
        return list(self._changes.items())

    def forget(self, key: Key) -> bool:
        """Forget the change of a key; return whether there was one."""
        if key not in self._changes:
            return False
        del self._changes[key]
        return True
