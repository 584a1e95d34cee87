"""Telling each channel of its messages: in the order of storing, each once, whoever stored them."""

from collections.abc import Collection, Sequence

from app.concurrency.bounded_dict import BoundedDict
from app.domain.events import ServerEvent
from app.domain.ids import ChannelId
from app.domain.message import Message
from app.domain.rooms import channel_room
from app.ports import Broadcaster, MessageRepository, StoredMessage
from app.services.room_sync import RoomSync
from app.services.typing_service import TypingService

MAX_CHANNELS = 100_000
"""Of how many channels the last number told is remembered."""

MAX_GAP = 1_000
"""How many messages before a new one are told with it; of more, clients see the gap in ``seq``."""

_PAGE = 100


class MessagePublisher:
    """Keeps, for each channel, the ``seq`` of the last message it was told of on this node.

    Before a message is told, those between are: whose commit was never confirmed, or which another
    node or the original backend has stored. What was stored before a channel was first looked at
    is taken for told. A channel's calls must not overlap.
    """

    def __init__(
        self,
        messages: MessageRepository,
        audience: RoomSync,
        typing: TypingService,
        broadcaster: Broadcaster,
    ) -> None:
        self._messages = messages
        self._audience = audience
        self._typing = typing
        self._broadcaster = broadcaster
        self._told: BoundedDict[ChannelId, int] = BoundedDict(MAX_CHANNELS)
        audience.when_deleted(self.forget)

    def is_ready(self, channel_id: ChannelId) -> bool:
        """Whether to `look_at` the channel would find nothing to do, as nearly always."""
        return channel_id in self._told and self._audience.is_fresh(channel_id)

    async def look_at(self, channel_ids: Collection[ChannelId]) -> None:
        """Get ready to tell these channels of whatever is stored in them from now on.

        Raises:
            Unavailable: What they were told of, or who belongs to them, cannot be known now.
        """
        unknown = [channel_id for channel_id in channel_ids if channel_id not in self._told]
        if unknown:
            last_seqs = await self._messages.last_seqs(unknown)
            for channel_id in unknown:
                self._told[channel_id] = last_seqs[channel_id]
        await self._audience.refresh_all(channel_ids)

    async def tell(self, channel_id: ChannelId, stored: Sequence[StoredMessage]) -> None:
        """Tell of these messages, a channel's that is looked at; those told before are passed over.

        Each sender's typing ends first.

        Raises:
            Unavailable: What lies between cannot be known now. What was not told then, `catch_up`
                will tell.
        """
        told = self._told.get(channel_id, 0)
        news = [each.message for each in stored if each.message.seq > told]
        if len(news) < len(stored):
            # A new message with an old number: the channel was deleted, and made again.
            again = [each.message for each in stored if each.is_new and each.message.seq <= told]
            if again:
                told, news = again[0].seq - 1, again + news
        if not news:
            return
        if len(news) > 1:
            news.sort(key=_seq)
        first = news[0].seq
        told = max(told, first - 1 - MAX_GAP)
        while told + 1 < first:
            told = await self._tell_page(channel_id, told, before=first)
        self._tell_all(channel_id, told, news)

    async def catch_up(self, channel_id: ChannelId) -> None:
        """Tell of everything that the channel was not told of yet.

        Raises:
            Unavailable: It cannot be known now.
        """
        told = self._told.get(channel_id)
        if told is None:
            return
        await self._audience.refresh_all((channel_id,))
        while (reached := await self._tell_page(channel_id, told)) > told:
            told = reached

    def forget(self, channel_id: ChannelId) -> None:
        """The channel is no more; another of its name begins anew."""
        self._told.pop(channel_id, None)

    async def _tell_page(self, channel_id: ChannelId, told: int, before: int | None = None) -> int:
        page = await self._messages.stored_after(channel_id, told, _PAGE)
        self._tell_all(
            channel_id, told, [each for each in page if before is None or each.seq < before]
        )
        if before is not None and (len(page) < _PAGE or page[-1].seq >= before):
            return before - 1
        return page[-1].seq if page else told

    def _tell_all(self, channel_id: ChannelId, told: int, stored: Sequence[Message]) -> None:
        room = channel_room(channel_id)
        for message in stored:
            if message.seq <= told:
                continue
            self._typing.end(message.user_id, channel_id)
            self._broadcaster.publish(room, ServerEvent.MESSAGE_CREATED, message)
            told = message.seq
        self._told[channel_id] = told


def _seq(message: Message) -> int:
    return message.seq
