"""What may be stored without anybody having been told of it."""

from collections.abc import Hashable, Iterable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

from app.domain.errors import Unconfirmed

Change = TypeVar("Change", bound=Hashable)


class UntoldChanges(Generic[Change]):
    """Remembers changes that were `Unconfirmed` until they are made again, or found to stand.

    The oldest of more than ``limit`` is forgotten, and all with the process.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._changes: dict[Change, bool] = {}

    @contextmanager
    def watched(self, change: Change) -> Iterator[None]:
        """Remember the change if the block that stores it is `Unconfirmed`."""
        try:
            yield
        except Unconfirmed:
            self.remember((change,))
            raise

    def remember(self, changes: Iterable[Change]) -> None:
        """These were `Unconfirmed`."""
        self._changes.update(dict.fromkeys(changes, True))
        while len(self._changes) > self._limit:
            del self._changes[next(iter(self._changes))]

    def take(self, change: Change) -> bool:
        """Whether it is remembered; it is to be told now, and forgotten."""
        return self._changes.pop(change, False)
