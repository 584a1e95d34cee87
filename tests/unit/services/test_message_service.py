import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

import pytest

from app.adapters.memory.manual_clock import ManualClock
from app.adapters.memory.memory_message_repository import MemoryMessageRepository
from app.adapters.memory.memory_store import MemoryStore
from app.adapters.memory.recording_broadcaster import Publication, RecordingBroadcaster
from app.domain.errors import (
    InvalidPayload,
    MessageDeleted,
    MessageNotFound,
    NotAMember,
    NotTheAuthor,
    Unavailable,
    Unconfirmed,
)
from app.domain.events import ServerEvent
from app.domain.ids import ChannelId, ClientMessageId, MessageId, UserId, new_message_id
from app.domain.message import (
    DeletedMessage,
    DeletionReceipt,
    FailedMessage,
    Message,
    MessageDraft,
)
from app.framework.eager import EagerTasks
from app.ports import Added, MessageRepository, StoredMessage
from app.services.channel_audience import ChannelAudience
from app.services.doubts import SETTLED_SECONDS
from app.services.message_feed import MessageFeed
from app.services.message_service import ADOPTED_AT_ONCE, MessageService
from app.services.typing_service import TypingService
from tests.unit.services.people import ALICE, ALICES_PHONE, BOB, DAVE, GENERAL, RANDOM

MAX_CHARS = 10
CLIENT_ID = ClientMessageId("client-1")


class SlowMessages(MemoryMessageRepository):
    """Stores at once, but returns from `add_all` in general when the test lets it."""

    def __init__(self, store: MemoryStore) -> None:
        super().__init__(store)
        self.batches: list[list[str]] = []
        self.stored = asyncio.Event()
        self.may_return = asyncio.Event()
        self.is_away = False

    async def add_quickly(self, channel_id: ChannelId) -> list[Message]:
        """A message of Alice that is there already."""
        draft = MessageDraft(new_message_id(), channel_id, ALICE, "old", None)
        added = await super().add_all([draft], datetime.now(UTC))
        return [each.message for each in added if isinstance(each, StoredMessage)]

    async def add_all(self, drafts: Sequence[MessageDraft], now: datetime) -> Sequence[Added]:
        """Store, then return late: between commit and publish."""
        if self.is_away:
            raise Unavailable
        self.batches.append([draft.content for draft in drafts])
        added = await super().add_all(drafts, now)
        if any(draft.channel_id == GENERAL for draft in drafts):
            self.stored.set()
            await self.may_return.wait()
        return added


class LosingMessages(MemoryMessageRepository):
    """Goes away in the middle of commits, as often as the test says; what was asked is stored.

    Attributes:
        losses: How many commits are still to be lost.
        holds_back: Whether what is lost is stored only when the test calls `land`.
        beside: What another backend has stored, to be adopted.
    """

    def __init__(self, store: MemoryStore) -> None:
        super().__init__(store)
        self.losses = 0
        self.holds_back = False
        self.beside: list[MessageDraft] = []
        self.adopted_at_once: list[int] = []
        self._late: list[MessageDraft] = []

    async def land(self) -> None:
        """What was held back is stored after all."""
        await super().add_all(self._late, datetime.now(UTC))

    async def add_all(self, drafts: Sequence[MessageDraft], now: datetime) -> Sequence[Added]:
        """Store, and say nothing of it while there are losses."""
        if self.losses and self.holds_back:
            self._late += drafts
            self._lose()
        added = await super().add_all(drafts, now)
        self._lose()
        return added

    async def update(
        self, message_id: MessageId, editor_id: UserId, content: str, now: datetime
    ) -> Message:
        """Likewise."""
        message = await super().update(message_id, editor_id, content, now)
        self._lose()
        return message

    async def delete(self, message_id: MessageId, editor_id: UserId) -> DeletedMessage:
        """Likewise."""
        deleted = await super().delete(message_id, editor_id)
        self._lose()
        return deleted

    async def unplaced(self, limit: int, now: datetime) -> Mapping[ChannelId, Sequence[MessageId]]:
        """What stands beside us."""
        del now
        found: dict[ChannelId, list[MessageId]] = {}
        for draft in self.beside[:limit]:
            found.setdefault(draft.channel_id, []).append(draft.id)
        return found

    async def adopt(self, message_ids: Sequence[MessageId], now: datetime) -> None:
        """Take it in, and say nothing of it while there are losses."""
        self.adopted_at_once.append(len(message_ids))
        taken = [draft for draft in self.beside if draft.id in message_ids]
        self.beside = [draft for draft in self.beside if draft.id not in message_ids]
        await super().add_all(taken, now)
        self._lose()

    def _lose(self) -> None:
        if self.losses:
            self.losses -= 1
            raise Unconfirmed


MakeService = Callable[[MessageRepository], MessageService]


@pytest.fixture
def make_service(
    typing_service: TypingService,
    audience: ChannelAudience,
    broadcaster: RecordingBroadcaster,
    clock: ManualClock,
    starter: EagerTasks,
) -> MakeService:
    """The service over some store."""

    def make(messages: MessageRepository) -> MessageService:
        feed = MessageFeed(messages, audience, typing_service, broadcaster)
        return MessageService(
            messages, feed, audience, broadcaster, clock, MAX_CHARS, starter, writers=2
        )

    return make


@pytest.fixture
def service(make_service: MakeService, messages: MemoryMessageRepository) -> MessageService:
    """Over a store that answers at once."""
    return make_service(messages)


@pytest.fixture
def slow_messages(store: MemoryStore) -> SlowMessages:
    """A store that holds back its answers."""
    return SlowMessages(store)


@pytest.fixture
def slow_service(make_service: MakeService, slow_messages: SlowMessages) -> MessageService:
    """Over a store that holds back its answers."""
    return make_service(slow_messages)


@pytest.fixture
def losing_messages(store: MemoryStore) -> LosingMessages:
    """A store that goes away while it is storing."""
    return LosingMessages(store)


@pytest.fixture
def losing_service(make_service: MakeService, losing_messages: LosingMessages) -> MessageService:
    """Over a store that goes away while it is storing."""
    return make_service(losing_messages)


def by_bob(content: str) -> MessageDraft:
    """What the original backend stores in general."""
    return MessageDraft(new_message_id(), GENERAL, BOB, content, None)


async def store_beside(messages: MessageRepository, user_id: UserId, content: str) -> None:
    """What another node stores in general."""
    draft = MessageDraft(new_message_id(), GENERAL, user_id, content, None)
    await messages.add_all([draft], datetime.now(UTC))


def contents(broadcaster: RecordingBroadcaster) -> list[str]:
    """What channels heard of new messages, in order."""
    return [
        publication.payload.content
        for publication in broadcaster.published
        if publication.event is ServerEvent.MESSAGE_CREATED
        and isinstance(publication.payload, Message)
    ]


def created(message: Message) -> Publication:
    """What the channel hears of a new message."""
    return Publication(f"channel:{message.channel_id}", ServerEvent.MESSAGE_CREATED, message)


async def test_send_stores_and_tells_the_channel_when_a_member_sends(
    service: MessageService,
    messages: MemoryMessageRepository,
    broadcaster: RecordingBroadcaster,
) -> None:
    """What is answered, told and stored is one and the same message, trimmed."""
    message = await service.send(ALICE, GENERAL, "  hello \n", None)

    assert ("hello", ALICE, 1) == (message.content, message.user_id, message.seq)
    assert [created(message)] == broadcaster.published
    assert (message,) == await messages.list_after(GENERAL, BOB, 0, 10)


async def test_send_ends_typing_before_it_tells_when_the_sender_typed(
    service: MessageService, typing_service: TypingService, broadcaster: RecordingBroadcaster
) -> None:
    """Nobody sees a message of somebody who still seems to be writing it."""
    await typing_service.start(ALICE, GENERAL, ALICES_PHONE)
    broadcaster.published.clear()

    await service.send(ALICE, GENERAL, "hello", None)

    told = [publication.event for publication in broadcaster.published]
    assert [ServerEvent.TYPING, ServerEvent.MESSAGE_CREATED] == told


async def test_send_answers_with_the_first_when_sent_again(
    service: MessageService, broadcaster: RecordingBroadcaster
) -> None:
    """A retry stores nothing and tells nothing."""
    first = await service.send(ALICE, GENERAL, "hello", CLIENT_ID)

    again = await service.send(ALICE, GENERAL, "hello", CLIENT_ID)

    assert first == again
    assert [created(first)] == broadcaster.published


async def test_send_is_refused_when_the_message_was_deleted_since(
    service: MessageService, broadcaster: RecordingBroadcaster
) -> None:
    """A late retry does not bring it back."""
    message = await service.send(ALICE, GENERAL, "hello", CLIENT_ID)
    await service.delete(ALICE, message.id)
    broadcaster.published.clear()

    with pytest.raises(MessageDeleted):
        await service.send(ALICE, GENERAL, "hello", CLIENT_ID)

    assert [] == broadcaster.published


async def test_send_is_refused_when_the_sender_is_no_member(
    service: MessageService, broadcaster: RecordingBroadcaster
) -> None:
    """Nothing is told of what was not stored."""
    with pytest.raises(NotAMember):
        await service.send(DAVE, GENERAL, "hello", None)

    assert [] == broadcaster.published


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "must not be empty"),
        (" \n\t ", "must not be empty"),
        ("x" * (MAX_CHARS + 1), "must be at most 10 characters"),
        ("a\0b", "must not hold NUL characters or lone surrogates"),
        ("a\ud83d", "must not hold NUL characters or lone surrogates"),
    ],
    ids=["empty", "blank", "long", "nul", "surrogate"],
)
async def test_content_is_refused_when_it_cannot_be_a_message(
    service: MessageService, content: str, reason: str
) -> None:
    """The field is named, on sending and on changing alike; its content is not repeated."""
    message = await service.send(ALICE, GENERAL, "hello", None)

    for write in (
        service.send(ALICE, GENERAL, content, None),
        service.update(ALICE, message.id, content),
    ):
        with pytest.raises(InvalidPayload) as caught:
            await write
        assert [("content", reason)] == [(f.path, f.message) for f in caught.value.fields]


async def test_send_counts_characters_when_they_are_astral(service: MessageService) -> None:
    """An emoji is one character, however many bytes or UTF-16 units it takes."""
    message = await service.send(ALICE, GENERAL, "😀" * MAX_CHARS, None)

    assert "😀" * MAX_CHARS == message.content


async def test_update_tells_the_channel_when_the_author_changes(
    service: MessageService, broadcaster: RecordingBroadcaster, clock: ManualClock
) -> None:
    """The content is trimmed here as well."""
    sent = await service.send(ALICE, GENERAL, "hello", None)
    broadcaster.published.clear()
    clock.advance(1)

    message = await service.update(ALICE, sent.id, " hi ")

    assert ("hi", clock.now()) == (message.content, message.updated_at)
    expected = Publication("channel:general", ServerEvent.MESSAGE_UPDATED, message)
    assert [expected] == broadcaster.published


async def test_delete_tells_the_channel_when_the_author_deletes(
    service: MessageService, broadcaster: RecordingBroadcaster
) -> None:
    """The author hears the id, the channel also where it was."""
    sent = await service.send(ALICE, GENERAL, "hello", None)
    broadcaster.published.clear()

    receipt = await service.delete(ALICE, sent.id)

    deleted = DeletedMessage(message_id=sent.id, channel_id=GENERAL)
    expected = Publication("channel:general", ServerEvent.MESSAGE_DELETED, deleted)
    assert DeletionReceipt(message_id=sent.id) == receipt
    assert [expected] == broadcaster.published


async def test_write_is_refused_when_the_message_is_another_members(
    service: MessageService, broadcaster: RecordingBroadcaster
) -> None:
    """Belonging to the channel is not enough to change or delete."""
    sent = await service.send(ALICE, GENERAL, "hello", None)
    broadcaster.published.clear()

    for write in (service.update(BOB, sent.id, "hi"), service.delete(BOB, sent.id)):
        with pytest.raises(NotTheAuthor):
            await write

    assert [] == broadcaster.published


async def test_write_finds_nothing_when_the_message_is_missing_or_out_of_reach(
    service: MessageService,
) -> None:
    """The answers are the same, so that ids leak nothing."""
    sent = await service.send(ALICE, GENERAL, "hello", None)

    for user_id, message_id in ((ALICE, MessageId("missing")), (DAVE, sent.id)):
        for write in (
            service.update(user_id, message_id, "hi"),
            service.delete(user_id, message_id),
        ):
            with pytest.raises(MessageNotFound):
                await write


async def test_channel_hears_in_the_order_of_storing_when_writes_compete(
    slow_service: MessageService, slow_messages: SlowMessages, broadcaster: RecordingBroadcaster
) -> None:
    """Nothing is stored before what was stored earlier has been told."""
    first = asyncio.create_task(slow_service.send(ALICE, GENERAL, "one", CLIENT_ID))
    await slow_messages.stored.wait()
    (stored,) = await slow_messages.list_after(GENERAL, ALICE, 0, 10)
    others = asyncio.gather(
        slow_service.send(BOB, GENERAL, "two", None),
        slow_service.update(ALICE, stored.id, "one!"),
        slow_service.delete(ALICE, stored.id),
    )
    slow_messages.may_return.set()
    await asyncio.gather(first, others)

    told = [publication.event for publication in broadcaster.published]
    assert [
        ServerEvent.MESSAGE_CREATED,
        ServerEvent.MESSAGE_CREATED,
        ServerEvent.MESSAGE_UPDATED,
        ServerEvent.MESSAGE_DELETED,
    ] == told
    assert [1, 2] == [
        publication.payload.seq
        for publication in broadcaster.published[:2]
        if isinstance(publication.payload, Message)
    ]


async def test_send_does_not_wait_when_another_channel_is_slow(
    slow_service: MessageService, slow_messages: SlowMessages, broadcaster: RecordingBroadcaster
) -> None:
    """One channel's storage holds up that channel alone."""
    slow = asyncio.create_task(slow_service.send(ALICE, GENERAL, "slow", None))
    await slow_messages.stored.wait()

    quick = await slow_service.send(BOB, RANDOM, "quick", None)
    told = list(broadcaster.published)
    slow_messages.may_return.set()
    await slow

    assert [created(quick)] == told


async def test_channel_hears_of_it_when_the_send_is_cancelled_after_the_commit(
    slow_service: MessageService, slow_messages: SlowMessages, broadcaster: RecordingBroadcaster
) -> None:
    """A sender who disconnects at the wrong moment leaves no message that nobody hears of."""
    send = asyncio.create_task(slow_service.send(ALICE, GENERAL, "hello", None))
    await slow_messages.stored.wait()

    send.cancel()
    with pytest.raises(asyncio.CancelledError):
        await send
    slow_messages.may_return.set()
    await slow_service.on_application_shutdown(None)

    told = [publication.event for publication in broadcaster.published]
    assert [ServerEvent.MESSAGE_CREATED] == told


async def test_sends_are_stored_together_when_they_come_together(
    slow_service: MessageService, slow_messages: SlowMessages, broadcaster: RecordingBroadcaster
) -> None:
    """Those that come while a commit is under way share the next one, and are told in order."""
    sends = [
        asyncio.create_task(slow_service.send(user_id, GENERAL, content, None))
        for user_id, content in ((ALICE, "1"), (BOB, "2"), (ALICE, "3"))
    ]
    await slow_messages.stored.wait()
    slow_messages.may_return.set()
    await asyncio.gather(*sends)

    assert [["1"], ["2", "3"]] == slow_messages.batches
    assert ["1", "2", "3"] == contents(broadcaster)


async def test_other_devices_hear_of_it_when_a_send_cannot_be_stored(
    losing_service: MessageService,
    losing_messages: LosingMessages,
    broadcaster: RecordingBroadcaster,
) -> None:
    """The sending socket gets the answer; the channel hears nothing."""
    losing_messages.losses = 1

    with pytest.raises(Unavailable) as caught:
        await losing_service.send(ALICE, GENERAL, "hello", CLIENT_ID, ALICES_PHONE)

    failed = FailedMessage(GENERAL, CLIENT_ID, str(caught.value), "unavailable", temporary=True)
    expected = Publication("user:user_alice", ServerEvent.MESSAGE_FAILED, failed, ALICES_PHONE)
    assert [expected] == broadcaster.published


async def test_channel_hears_of_it_when_what_was_unconfirmed_is_found_stored(
    losing_service: MessageService,
    losing_messages: LosingMessages,
    broadcaster: RecordingBroadcaster,
) -> None:
    """Once, whoever sends next or nobody."""
    losing_messages.losses = 1
    with pytest.raises(Unconfirmed):
        await losing_service.send(ALICE, GENERAL, "hello", None)

    await losing_service.catch_up()
    await losing_service.catch_up()

    assert ["hello"] == contents(broadcaster)


async def test_channel_hears_of_it_first_when_another_message_follows_what_was_unconfirmed(
    losing_service: MessageService,
    losing_messages: LosingMessages,
    broadcaster: RecordingBroadcaster,
) -> None:
    """In the order of storing, and each once."""
    losing_messages.losses = 1
    with pytest.raises(Unconfirmed):
        await losing_service.send(ALICE, GENERAL, "one", None)

    await losing_service.send(BOB, GENERAL, "two", None)
    await losing_service.catch_up()

    assert ["one", "two"] == contents(broadcaster)


async def test_channel_hears_of_it_when_what_was_unconfirmed_is_sent_again(
    losing_service: MessageService,
    losing_messages: LosingMessages,
    broadcaster: RecordingBroadcaster,
) -> None:
    """The retry is answered with what is stored, which nobody has heard of yet."""
    losing_messages.losses = 1
    with pytest.raises(Unconfirmed):
        await losing_service.send(ALICE, GENERAL, "hello", CLIENT_ID)

    message = await losing_service.send(ALICE, GENERAL, "hello", CLIENT_ID)

    assert [created(message)] == broadcaster.published[1:]


async def test_channel_hears_in_the_order_of_storing_when_another_node_stores_too(
    service: MessageService, messages: MemoryMessageRepository, broadcaster: RecordingBroadcaster
) -> None:
    """What lies between two messages is told with the second."""
    await service.send(ALICE, GENERAL, "1", None)
    await store_beside(messages, BOB, "2")
    await store_beside(messages, BOB, "3")

    await service.send(ALICE, GENERAL, "4", None)

    assert ["1", "2", "3", "4"] == contents(broadcaster)


async def test_channel_hears_of_it_when_the_original_backend_stores_beside_us(
    losing_service: MessageService,
    losing_messages: LosingMessages,
    broadcaster: RecordingBroadcaster,
) -> None:
    """Also where nobody has sent anything here since the start."""
    await store_beside(losing_messages, BOB, "old")
    losing_messages.beside = [by_bob("1"), by_bob("2")]

    await losing_service.adopt()

    assert ["1", "2"] == contents(broadcaster)


async def test_channel_hears_of_it_when_the_adoption_was_unconfirmed(
    losing_service: MessageService,
    losing_messages: LosingMessages,
    broadcaster: RecordingBroadcaster,
) -> None:
    """It is looked for again, and the next ones are taken in by fewer at once."""
    losing_messages.beside = [by_bob(str(number)) for number in range(ADOPTED_AT_ONCE + 1)]
    losing_messages.losses = 1
    with pytest.raises(Unconfirmed):
        await losing_service.adopt()

    losing_messages.beside *= 2
    await losing_service.catch_up()
    heard = contents(broadcaster)
    losing_messages.beside = [by_bob(str(number)) for number in range(ADOPTED_AT_ONCE)]
    await losing_service.adopt()

    assert [str(number) for number in range(ADOPTED_AT_ONCE)] == heard
    assert [ADOPTED_AT_ONCE, ADOPTED_AT_ONCE // 2] == losing_messages.adopted_at_once[:2]


async def test_channel_hears_of_it_when_what_was_unconfirmed_is_stored_late(
    losing_service: MessageService,
    losing_messages: LosingMessages,
    broadcaster: RecordingBroadcaster,
    clock: ManualClock,
) -> None:
    """A commit may go on for seconds after its callers were answered."""
    losing_messages.losses, losing_messages.holds_back = 1, True
    with pytest.raises(Unconfirmed):
        await losing_service.send(ALICE, GENERAL, "late", None)
    clock.advance(SETTLED_SECONDS - 1)
    await losing_service.catch_up()

    await losing_messages.land()
    await losing_service.catch_up()

    assert ["late"] == contents(broadcaster)


async def test_nothing_is_looked_for_when_what_was_unconfirmed_can_happen_no_more(
    losing_service: MessageService, losing_messages: LosingMessages, clock: ManualClock
) -> None:
    """What is kept for it goes."""
    sent = await losing_service.send(ALICE, GENERAL, "hello", None)
    losing_messages.losses = 2
    for write in (
        losing_service.send(ALICE, GENERAL, "hi", None),
        losing_service.update(ALICE, sent.id, "new"),
    ):
        with pytest.raises(Unconfirmed):
            await write

    clock.advance(SETTLED_SECONDS)
    await losing_service.catch_up()

    assert ({}, []) == (losing_service._behind, losing_service._doubts.all())


async def test_channel_hears_of_a_change_when_it_was_unconfirmed(
    losing_service: MessageService,
    losing_messages: LosingMessages,
    broadcaster: RecordingBroadcaster,
) -> None:
    """Once, even if its author does not try again, or cannot: a deletion finds nothing then."""
    changed = await losing_service.send(ALICE, GENERAL, "hello", None)
    deleted = await losing_service.send(ALICE, GENERAL, "hello", None)
    broadcaster.published.clear()
    losing_messages.losses = 2
    for write in (
        losing_service.update(ALICE, changed.id, "new"),
        losing_service.delete(ALICE, deleted.id),
    ):
        with pytest.raises(Unconfirmed):
            await write

    await losing_service.catch_up()
    await losing_service.catch_up()

    told = [publication.event for publication in broadcaster.published]
    assert [ServerEvent.MESSAGE_UPDATED, ServerEvent.MESSAGE_DELETED] == told


async def test_channel_hears_of_a_change_when_the_sends_beside_it_fail(
    slow_service: MessageService, slow_messages: SlowMessages, broadcaster: RecordingBroadcaster
) -> None:
    """It was stored by itself before, and waits only for its place in the line."""
    (sent,) = await slow_messages.add_quickly(GENERAL)
    first = asyncio.create_task(slow_service.send(ALICE, GENERAL, "1", None))
    await slow_messages.stored.wait()
    beside = asyncio.create_task(slow_service.send(BOB, GENERAL, "2", None))
    change = asyncio.create_task(slow_service.update(ALICE, sent.id, "new"))
    await asyncio.sleep(0)

    slow_messages.is_away = True
    slow_messages.may_return.set()
    outcomes = await asyncio.gather(first, beside, change, return_exceptions=True)

    assert [Message, Unavailable, Message] == [type(outcome) for outcome in outcomes]
    assert ServerEvent.MESSAGE_UPDATED in [each.event for each in broadcaster.published]
