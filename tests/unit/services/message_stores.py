"""Provides message stores that are slow or fail, and helpers for them."""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from app.adapters.memory.message_repository import MemoryMessageRepository
from app.adapters.memory.store import MemoryStore
from app.domain.errors import StorageRejected, Unavailable, Unconfirmed
from app.domain.events import ServerEvent
from app.domain.ids import ChannelId, ClientMessageId, MessageId, UserId, new_message_id
from app.domain.message import DeletedMessage, Message, MessageDraft
from app.ports import AddOutcome, AdoptionRepository, MessageRepository, StoredMessage
from app.services.adoption_poller import AdoptionPoller
from app.services.message_service import MessageService
from tests.doubles.manual_clock import DEFAULT_START
from tests.doubles.recording_broadcaster import Publication, RecordingBroadcaster
from tests.unit.services.people import ALICE, BOB, GENERAL

MAX_CHARS = 10
REJECTED = "rejected"
"""The content of messages that `LosingMessages` cannot adopt."""
CLIENT_ID = ClientMessageId("client-1")

MakeService = Callable[[MessageRepository], MessageService]


@dataclass(frozen=True, slots=True)
class MessageServices:
    """The services that store messages through one publisher."""

    messages: MessageService
    poller: AdoptionPoller


MakeServices = Callable[[MessageRepository, AdoptionRepository], MessageServices]


class SlowMessages(MemoryMessageRepository):
    """Stores messages at once, but lets tests delay the end of `add_all`.

    Attributes:
        batches: The contents of each batch.
        stored: Set when a message in the channel `general` is stored.
        may_return: While this event is cleared, `add_all` does not return after storing a message
            in the channel `general`.
        is_away: If true, `add_all` raises `Unavailable`.
    """

    def __init__(self, store: MemoryStore) -> None:
        super().__init__(store)
        self.batches: list[list[str]] = []
        self.stored = asyncio.Event()
        self.may_return = asyncio.Event()
        self.is_away = False

    async def add_quickly(self, channel_id: ChannelId) -> list[Message]:
        """Store a message of Alice, and let `add_all` return at once."""
        draft = MessageDraft(new_message_id(), channel_id, ALICE, "old", None)
        added = await super().add_all([draft], datetime.now(UTC))
        return [each.message for each in added if isinstance(each, StoredMessage)]

    async def add_all(self, drafts: Sequence[MessageDraft], now: datetime) -> Sequence[AddOutcome]:
        if self.is_away:
            raise Unavailable
        self.batches.append([draft.content for draft in drafts])
        added = await super().add_all(drafts, now)
        if any(draft.channel_id == GENERAL for draft in drafts):
            self.stored.set()
            await self.may_return.wait()
        return added


class LosingMessages(MemoryMessageRepository, AdoptionRepository):
    """Simulates interrupted commits: raises `Unconfirmed` after storing a change.

    Attributes:
        losses: The number of commits that are still to be interrupted.
        holds_back: If true, interrupted messages are stored only when the test calls `land`.
        unadopted: The messages of the original backend that were not adopted yet.
        adopted_at_once: The number of messages in each call of `adopt`.
        failing: The channels in which no message can be adopted now.
        locked: The messages that another program has locked.
    """

    def __init__(self, store: MemoryStore) -> None:
        super().__init__(store)
        self.losses = 0
        self.holds_back = False
        self.unadopted: list[MessageDraft] = []
        self.adopted_at_once: list[int] = []
        self.failing: set[ChannelId] = set()
        self.locked: set[MessageId] = set()
        self._late: list[MessageDraft] = []

    async def land(self) -> None:
        """Store the messages of interrupted commits that were held back."""
        await super().add_all(self._late, datetime.now(UTC))

    async def add_all(self, drafts: Sequence[MessageDraft], now: datetime) -> Sequence[AddOutcome]:
        if self.losses and self.holds_back:
            self._late += drafts
            self._lose()
        added = await super().add_all(drafts, now)
        self._lose()
        return added

    async def update(
        self, message_id: MessageId, editor_id: UserId, content: str, now: datetime
    ) -> Message:
        message = await super().update(message_id, editor_id, content, now)
        self._lose()
        return message

    async def delete(self, message_id: MessageId, editor_id: UserId) -> DeletedMessage:
        deleted = await super().delete(message_id, editor_id)
        self._lose()
        return deleted

    async def find_unsequenced(
        self,
        limit: int,
        now: datetime,
        except_messages: Collection[MessageId] = (),
        except_channels: Collection[ChannelId] = (),
    ) -> Mapping[ChannelId, Sequence[MessageId]]:
        del now
        found: dict[ChannelId, list[MessageId]] = {}
        left = [
            draft
            for draft in self.unadopted
            if draft.id not in except_messages and draft.channel_id not in except_channels
        ]
        for draft in left[:limit]:
            found.setdefault(draft.channel_id, []).append(draft.id)
        return found

    async def adopt(self, message_ids: Sequence[MessageId]) -> int:
        self.adopted_at_once.append(len(message_ids))
        taken = [draft for draft in self.unadopted if draft.id in message_ids]
        if any(draft.content == REJECTED for draft in taken):
            raise StorageRejected
        if any(draft.channel_id in self.failing for draft in taken):
            raise Unavailable
        taken = [draft for draft in taken if draft.id not in self.locked]
        message_ids = [draft.id for draft in taken]
        self.unadopted = [draft for draft in self.unadopted if draft.id not in message_ids]
        await super().add_all(taken, DEFAULT_START)
        self._lose()
        return len(taken)

    def _lose(self) -> None:
        if self.losses:
            self.losses -= 1
            raise Unconfirmed


class UnreadableMessages(LosingMessages):
    """Storage with a row in the channel `general` that cannot be read as a message.

    Attributes:
        is_unreadable: If true, reading the messages of `general` raises ``error``.
        error: The exception to raise.
    """

    is_unreadable = True
    error: Exception = ValueError("what somebody wrote")

    async def stored_after(
        self, channel_id: ChannelId, after_seq: int, limit: int
    ) -> tuple[Message, ...]:
        if self.is_unreadable and channel_id == GENERAL:
            raise self.error
        return await super().stored_after(channel_id, after_seq, limit)


def by_bob(content: str) -> MessageDraft:
    """Return a message of Bob in `general` as the original backend stores it."""
    return MessageDraft(new_message_id(), GENERAL, BOB, content, None)


async def store_on_another_node(messages: MessageRepository, user_id: UserId, content: str) -> None:
    draft = MessageDraft(new_message_id(), GENERAL, user_id, content, None)
    await messages.add_all([draft], datetime.now(UTC))


def contents(broadcaster: RecordingBroadcaster) -> list[str]:
    """Return the contents of the published messages, in order of publication."""
    return [
        publication.payload.content
        for publication in broadcaster.published
        if publication.event is ServerEvent.MESSAGE_CREATED
        and isinstance(publication.payload, Message)
    ]


def created(message: Message) -> Publication:
    return Publication(f"channel:{message.channel_id}", ServerEvent.MESSAGE_CREATED, message)
