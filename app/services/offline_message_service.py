"""What a client missed while it was away: how much, and page by page."""

from collections.abc import Sequence

from pydantic_core import to_json

from app.domain.errors import InvalidPayload
from app.domain.ids import ChannelId, UserId
from app.domain.message import Message, MessagePage, OfflineCount
from app.ports import DeliveryRepository, MessageRepository
from app.services.messages.page_cursor import ChannelCursor, UndeliveredCursor, decode_cursor
from app.services.writes.single_flight import SingleFlight

MAX_PAGE_BYTES = 256 * 1024
"""How large a page may be as JSON."""

_ENVELOPE_BYTES = 2048
"""What stands around the messages of a page, the next cursor included."""


class OfflineMessageService:
    """Serves missed messages, oldest first.

    There are two ways through them: what is undelivered to the user, and a channel from a known
    place. A page's cursor holds the way and the place, so that it is all a client has to hand
    back; whatever comes with it but the limit is not needed.

    A page takes no more than ``max_page_bytes`` as JSON, unless its one message does.
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
        """How many messages have not been delivered to the user yet, in all and by channel.

        The storage counts once at a time for a user, however many of their sockets ask.

        Raises:
            Unavailable: It cannot be known now.
        """
        counts = await self._counts.answer(user_id)
        return OfflineCount(sum(counts.channels.values()), counts.channels, more=counts.more)

    async def on_application_shutdown(self, _signal: str | None) -> None:
        """Cancel the counts under way; the servers are closed by now."""
        await self._counts.close()

    async def page(
        self,
        user_id: UserId,
        limit: int,
        cursor: str | None,
        since: tuple[ChannelId, int] | None,
    ) -> MessagePage:
        """The page a client asks for.

        That after ``cursor``; without one, `after` ``since``, a channel and a ``seq``; without
        both, the first of what is `undelivered`.

        Raises:
            InvalidPayload: The cursor was not made here, or for another channel.
            NotAMember: The channel is not, or no longer, the user's.
            Unavailable: It cannot be known now.
        """
        if cursor is None and since is not None:
            channel_id, after_seq = since
            return await self.after(user_id, channel_id, after_seq, limit)
        if cursor is not None and since is not None:
            _require_channel(cursor, since[0])
        return await self.undelivered(user_id, limit, cursor)

    async def undelivered(self, user_id: UserId, limit: int, cursor: str | None) -> MessagePage:
        """A page of what is undelivered, from the start; or the page after ``cursor``.

        One that is not full, or empty, may have a next page: see `UndeliveredPage.looked_until`.
        Any page's cursor will do: one from `after` goes on in its channel.

        Raises:
            InvalidPayload: The cursor was not made here.
            NotAMember: The cursor's channel is not, or no longer, the user's.
            Unavailable: It cannot be known now.
        """
        match decode_cursor(cursor) if cursor is not None else UndeliveredCursor(0):
            case ChannelCursor(channel_id, seq):
                return await self.after(user_id, channel_id, seq, limit)
            case UndeliveredCursor(position):
                return await self._undelivered_after(user_id, position, limit)

    async def after(
        self, user_id: UserId, channel_id: ChannelId, after_seq: int, limit: int
    ) -> MessagePage:
        """A page of the channel's messages from ``after_seq`` on, which is not included.

        To go on, hand the page's cursor to `page` or `undelivered`.

        Raises:
            NotAMember: The user does not belong to the channel.
            Unavailable: It cannot be known now.
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
        if len(messages) < len(found.messages):
            end: int | None = found.positions[len(messages) - 1]
        else:
            end = found.looked_until
        cursor = None if end is None else UndeliveredCursor(end).encode()
        return MessagePage(messages=messages, next_cursor=cursor)

    def _first_page(self, found: Sequence[Message], limit: int) -> tuple[Message, ...]:
        """As many as fit, and one in any case; callers ask for one more, to see the end."""
        size = _ENVELOPE_BYTES
        for index, message in enumerate(found[:limit]):
            size += len(to_json(message.to_wire())) + len(",")
            if size > self._max_page_bytes and index > 0:
                return tuple(found[:index])
        return tuple(found[:limit])


def _require_channel(cursor: str, channel_id: ChannelId) -> None:
    place = decode_cursor(cursor)
    if not (isinstance(place, ChannelCursor) and place.channel_id == channel_id):
        raise InvalidPayload("cursor", "must be of a page of this channel")
