"""Changes of which it is not known whether they were stored."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from app.domain.errors import Unconfirmed
from app.domain.ids import ChannelId, MessageId
from app.ports import Clock

SETTLED_SECONDS = 15.0
"""After which nothing that was `Unconfirmed` happens any more: longer than the storage commits."""

MAX_DOUBTS = 10_000


@dataclass(frozen=True, slots=True)
class Doubt:
    """A change of a message: its new ``content``, or None for a deletion.

    By ``until``, on the monotonic clock, it is stored or never will be.
    """

    channel_id: ChannelId
    content: str | None
    until: float


class Doubts:
    """The last change of each message whose change was `Unconfirmed`; the oldest are forgotten."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._doubts: dict[MessageId, Doubt] = {}

    @contextmanager
    def about(
        self, message_id: MessageId, channel_id: ChannelId, content: str | None
    ) -> Iterator[None]:
        """A change is made inside: it is doubted if it is `Unconfirmed`, and no more if it is."""
        try:
            yield
        except Unconfirmed:
            if len(self._doubts) >= MAX_DOUBTS:
                self.end(next(iter(self._doubts)))
            until = self._clock.monotonic() + SETTLED_SECONDS
            self._doubts[message_id] = Doubt(channel_id, content, until)
            raise
        self.end(message_id)

    def all(self) -> list[tuple[MessageId, Doubt]]:
        """Those that stand now."""
        return list(self._doubts.items())

    def stands(self, message_id: MessageId, doubt: Doubt) -> bool:
        """Whether no later change of the message has taken its place."""
        return self._doubts.get(message_id) is doubt

    def end(self, message_id: MessageId) -> None:
        """It is known what became of the message."""
        self._doubts.pop(message_id, None)
