"""Changes of channels that may stand without anybody having been told."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeAlias

from app.domain.errors import Unconfirmed
from app.domain.events import ServerEvent
from app.domain.ids import ChannelId, UserId

MAX_UNTOLD = 1_000

Change: TypeAlias = tuple[ServerEvent, ChannelId, UserId]
"""What a channel hears of a change, and of whom: of its creation, the creator."""


class UntoldChanges:
    """Remembers changes that were `Unconfirmed` until they are made again, or found to stand.

    The oldest of more than `MAX_UNTOLD` is forgotten, and all with the process.
    """

    def __init__(self) -> None:
        self._changes: dict[Change, bool] = {}

    @contextmanager
    def watched(self, change: Change) -> Iterator[None]:
        """Remember the change if the block that stores it is `Unconfirmed`."""
        try:
            yield
        except Unconfirmed:
            self._changes[change] = True
            if len(self._changes) > MAX_UNTOLD:
                del self._changes[next(iter(self._changes))]
            raise

    def take(self, change: Change) -> bool:
        """Whether it is remembered; it is to be told now, and forgotten."""
        return self._changes.pop(change, False)
