"""Counts the messages that a user missed while offline, and returns them in pages."""

from collections.abc import Sequence

from pydantic_core import to_json

from app.domain.errors import InvalidPayload
from app.domain.ids import ChannelId, UserId
from app.domain.message import Message, MessagePage, OfflineCount
from app.ports import DeliveryRepository, MessageRepository
from app.services.messages.page_cursor import ChannelCursor, UndeliveredCursor, decode_cursor
from app.services.writes.single_flight import SingleFlight

MAX_PAGE_BYTES = 256 * 1024
"""The maximum size of a page as JSON."""

_ENVELOPE_BYTES = 2048
"""The size that a page reserves for everything except messages, such as the next cursor."""


class OfflineMessageService:
    """Serves missed messages, oldest first.

    A client can request the messages that were not delivered to the user, or the messages of a
    channel after a ``seq``. A cursor contains the kind of page, so a client requests the next page
    with only the cursor and a limit.

    A page has at most ``max_page_bytes`` as JSON, unless a single message is larger than that.

    Every method raises `Unavailable` when the storage does not answer.
    """

    def __init__(
        self,
        deliveries: DeliveryRepository,
        messages: MessageRepository,
        max_page_bytes: int = MAX_PAGE_BYTES,
    ) -> None:
        self._deliveries = deliveries
        self._messages = messages
        self._max_page_bytes = max_page_bytes
        self._counts = SingleFlight(deliveries.undelivered_counts)

    async def count(self, user_id: UserId) -> OfflineCount:
        """Count the messages that have not been delivered to the user yet.

        This node runs at most one count per user at a time, for any number of concurrent calls.
        """
        counts = await self._counts.get(user_id)
        return OfflineCount(sum(counts.channels.values()), counts.channels, more=counts.more)

    async def on_application_shutdown(self, _signal: str | None) -> None:
        """Cancel the running counts. No new counts start, because the servers are closed."""
        await self._counts.close()

    async def page(
        self,
        user_id: UserId,
        limit: int,
        cursor: str | None,
        since: tuple[ChannelId, int] | None,
    ) -> MessagePage:
        """Return the page that a client requests.

        Args:
            cursor: The ``next_cursor`` of the previous page; None for the first page.
            since: A channel and a ``seq``, to request the channel's messages after that ``seq``;
                None to request undelivered messages.

        Raises:
            InvalidPayload: The cursor is invalid, or it belongs to another channel.
            NotAMember: The user is not a member of the channel.
        """
        if cursor is None and since is not None:
            channel_id, after_seq = since
            return await self.after(user_id, channel_id, after_seq, limit)
        if cursor is not None and since is not None:
            _require_channel(cursor, since[0])
        return await self.undelivered(user_id, limit, cursor)

    async def undelivered(self, user_id: UserId, limit: int, cursor: str | None) -> MessagePage:
        """Return the first page of undelivered messages, or the page after ``cursor``.

        A cursor from `after` is accepted too: then the next messages of its channel are returned.

        Raises:
            InvalidPayload: The cursor is invalid.
            NotAMember: The user is not a member of the cursor's channel.
        """
        match decode_cursor(cursor) if cursor is not None else UndeliveredCursor(0):
            case ChannelCursor(channel_id, seq):
                return await self.after(user_id, channel_id, seq, limit)
            case UndeliveredCursor(position):
                return await self._undelivered_after(user_id, position, limit)

    async def after(
        self, user_id: UserId, channel_id: ChannelId, after_seq: int, limit: int
    ) -> MessagePage:
        """Return a page of the channel's messages with a ``seq`` larger than ``after_seq``.

        `page` and `undelivered` accept the cursor of this page.

        Raises:
            NotAMember: The user is not a member of the channel.
        """
        found = await self._messages.list_after(channel_id, user_id, after_seq, limit + 1)
        messages = self._first_page(found, limit)
        if len(messages) == len(found):
            return MessagePage(messages=messages, next_cursor=None)
        cursor = ChannelCursor(channel_id, messages[-1].seq)
        return MessagePage(messages=messages, next_cursor=cursor.encode())

    async def _undelivered_after(self, user_id: UserId, position: int, limit: int) -> MessagePage:
        found = await self._deliveries.undelivered(user_id, position, limit + 1)
        messages = self._first_page(found.messages, limit)
        if len(messages) == len(found.messages):
            return MessagePage(messages=messages, next_cursor=None)
        cursor = UndeliveredCursor(found.positions[len(messages) - 1])
        return MessagePage(messages=messages, next_cursor=cursor.encode())

    def _first_page(self, found: Sequence[Message], limit: int) -> tuple[Message, ...]:
        """Return the messages that fit into one page: at least one, at most ``limit``."""
        size = _ENVELOPE_BYTES
        for index, message in enumerate(found[:limit]):
            size += len(to_json(message.to_wire())) + len(",")
            if size > self._max_page_bytes and index > 0:
                return tuple(found[:index])
        return tuple(found[:limit])


def _require_channel(cursor: str, channel_id: ChannelId) -> None:
    decoded = decode_cursor(cursor)
    if not (isinstance(decoded, ChannelCursor) and decoded.channel_id == channel_id):
        raise InvalidPayload("cursor", "must be a nextCursor from a page of this channel")
