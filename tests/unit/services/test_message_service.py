from collections.abc import Collection, Mapping

import pytest

from app.adapters.memory.channel_repository import MemoryChannelRepository
from app.adapters.memory.message_repository import MemoryMessageRepository
from app.adapters.memory.store import MemoryStore
from app.domain.errors import (
    ClientMessageIdReused,
    InvalidPayload,
    MessageDeleted,
    MessageNotFound,
    NotAMember,
    NotTheAuthor,
)
from app.domain.events import ServerEvent
from app.domain.ids import ChannelId, MessageId, SocketId
from app.domain.message import DeletedMessage, DeletionReceipt
from app.services.message_service import MessageService
from app.services.room_sync import RoomSync
from app.services.typing_service import TypingService
from tests.doubles.manual_clock import ManualClock
from tests.doubles.memory_socket_rooms import MemorySocketRooms
from tests.doubles.recording_broadcaster import Publication, RecordingBroadcaster
from tests.unit.services.message_stores import CLIENT_ID, MAX_CHARS, MakeService, created
from tests.unit.services.people import ALICE, ALICES_PHONE, BOB, DAVE, GENERAL, RANDOM


class AskedMessages(MemoryMessageRepository):
    """Records the channels whose last ``seq`` is read."""

    def __init__(self, store: MemoryStore) -> None:
        super().__init__(store)
        self.asked: list[ChannelId] = []

    async def last_seqs(self, channel_ids: Collection[ChannelId]) -> Mapping[ChannelId, int]:
        """Record the channels, and return their last ``seq``."""
        self.asked += channel_ids
        return await super().last_seqs(channel_ids)


async def test_send_stores_and_publishes_to_the_channel_when_a_member_sends(
    message_service: MessageService,
    messages: MemoryMessageRepository,
    broadcaster: RecordingBroadcaster,
) -> None:
    """The ack, the event and the stored message are equal, and their content is trimmed."""
    message = await message_service.send(ALICE, GENERAL, "  hello \n", None)

    assert ("hello", ALICE, 1) == (message.content, message.user_id, message.seq)
    assert [created(message)] == broadcaster.published
    assert (message,) == await messages.list_after(GENERAL, BOB, 0, 10)


async def test_send_ends_typing_before_it_publishes_when_the_sender_typed(
    message_service: MessageService,
    typing_service: TypingService,
    broadcaster: RecordingBroadcaster,
) -> None:
    """No member sees a new message while its author still seems to be typing."""
    await typing_service.start(ALICE, GENERAL, ALICES_PHONE)
    broadcaster.published.clear()

    await message_service.send(ALICE, GENERAL, "hello", None)

    published = [publication.event for publication in broadcaster.published]
    assert [ServerEvent.TYPING, ServerEvent.MESSAGE_CREATED] == published


async def test_send_answers_with_the_first_when_sent_again(
    message_service: MessageService, broadcaster: RecordingBroadcaster
) -> None:
    """The retry is not stored or published again."""
    first = await message_service.send(ALICE, GENERAL, "hello", CLIENT_ID)

    again = await message_service.send(ALICE, GENERAL, "hello", CLIENT_ID)

    assert first == again
    assert [created(first)] == broadcaster.published


async def test_send_is_refused_when_the_message_was_deleted_since(
    message_service: MessageService, broadcaster: RecordingBroadcaster
) -> None:
    """The retry does not store the deleted message again."""
    message = await message_service.send(ALICE, GENERAL, "hello", CLIENT_ID)
    await message_service.delete(ALICE, message.id)
    broadcaster.published.clear()

    with pytest.raises(MessageDeleted):
        await message_service.send(ALICE, GENERAL, "hello", CLIENT_ID)

    assert [] == broadcaster.published


async def test_send_answers_with_the_first_when_only_white_space_around_it_differs(
    message_service: MessageService,
) -> None:
    """Contents are compared after trimming."""
    first = await message_service.send(ALICE, GENERAL, "hello", CLIENT_ID)

    assert first == await message_service.send(ALICE, GENERAL, " hello\n", CLIENT_ID)


@pytest.mark.parametrize(("channel_id", "content"), [(GENERAL, "other"), (RANDOM, "hello")])
async def test_send_is_refused_when_the_client_id_is_of_another_message(
    message_service: MessageService,
    broadcaster: RecordingBroadcaster,
    channel_id: ChannelId,
    content: str,
) -> None:
    """With an ack of the first message, the second message would be lost silently."""
    first = await message_service.send(ALICE, GENERAL, "hello", CLIENT_ID)

    with pytest.raises(ClientMessageIdReused) as caught:
        await message_service.send(ALICE, channel_id, content, CLIENT_ID)

    assert not caught.value.temporary
    assert [created(first)] == broadcaster.published


async def test_send_is_refused_when_the_sender_is_no_member(
    message_service: MessageService, broadcaster: RecordingBroadcaster
) -> None:
    """Nothing is stored or published."""
    with pytest.raises(NotAMember):
        await message_service.send(DAVE, GENERAL, "hello", None)

    assert [] == broadcaster.published


@pytest.mark.parametrize("channel_id", [GENERAL, ChannelId("made-up")])
async def test_nothing_is_kept_of_a_channel_when_the_sender_is_no_member(
    make_service: MakeService,
    store: MemoryStore,
    room_sync: RoomSync,
    channel_id: ChannelId,
) -> None:
    """Clients choose channel ids, so unknown ids must not use up memory."""
    messages = AskedMessages(store)
    service = make_service(messages)

    with pytest.raises(NotAMember):
        await service.send(DAVE, channel_id, "hello", None)

    assert not room_sync.is_fresh(channel_id)
    assert [] == messages.asked


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "must not be empty"),
        (" \n\t ", "must not be empty"),
        ("\u200b", "must not be empty"),
        (" \u2800\u3164 ", "must not be empty"),
        ("x" * (MAX_CHARS + 1), "must be at most 10 characters"),
        ("a\0b", "must not contain NUL characters or lone surrogates"),
        ("a\ud83d", "must not contain NUL characters or lone surrogates"),
    ],
    ids=["empty", "blank", "zero width", "fillers", "long", "nul", "surrogate"],
)
async def test_content_is_refused_when_it_cannot_be_a_message(
    message_service: MessageService, content: str, reason: str
) -> None:
    """The errors of send and update name the field, but do not repeat its content."""
    message = await message_service.send(ALICE, GENERAL, "hello", None)

    for write in (
        message_service.send(ALICE, GENERAL, content, None),
        message_service.update(ALICE, message.id, content),
    ):
        with pytest.raises(InvalidPayload) as caught:
            await write
        assert ("content", reason) == (caught.value.path, caught.value.message)


async def test_send_keeps_invisible_characters_when_others_are_visible(
    message_service: MessageService,
) -> None:
    """Emoji contain joiners and variation selectors."""
    content = "👩\u200d👩\u200d👧 ❤\ufe0f"

    message = await message_service.send(ALICE, GENERAL, content, None)

    assert content == message.content


async def test_send_counts_characters_when_they_are_astral(message_service: MessageService) -> None:
    """An emoji counts as one character, although it has two UTF-16 units."""
    message = await message_service.send(ALICE, GENERAL, "😀" * MAX_CHARS, None)

    assert "😀" * MAX_CHARS == message.content


async def test_update_publishes_to_the_channel_when_the_author_changes(
    message_service: MessageService, broadcaster: RecordingBroadcaster, clock: ManualClock
) -> None:
    """The new content is trimmed as well."""
    sent = await message_service.send(ALICE, GENERAL, "hello", None)
    broadcaster.published.clear()
    clock.advance(1)

    message = await message_service.update(ALICE, sent.id, " hi ")

    assert ("hi", clock.now()) == (message.content, message.updated_at)
    expected = Publication("channel:general", ServerEvent.MESSAGE_UPDATED, message)
    assert [expected] == broadcaster.published


async def test_delete_publishes_to_the_channel_when_the_author_deletes(
    message_service: MessageService, broadcaster: RecordingBroadcaster
) -> None:
    """The ack has the message's id; the event also has the channel's id."""
    sent = await message_service.send(ALICE, GENERAL, "hello", None)
    broadcaster.published.clear()

    receipt = await message_service.delete(ALICE, sent.id)

    deleted = DeletedMessage(message_id=sent.id, channel_id=GENERAL)
    expected = Publication("channel:general", ServerEvent.MESSAGE_DELETED, deleted)
    assert DeletionReceipt(message_id=sent.id) == receipt
    assert [expected] == broadcaster.published


async def test_write_is_refused_when_the_message_is_another_members(
    message_service: MessageService, broadcaster: RecordingBroadcaster
) -> None:
    """Only the author can change or delete a message."""
    sent = await message_service.send(ALICE, GENERAL, "hello", None)
    broadcaster.published.clear()

    for write in (message_service.update(BOB, sent.id, "hi"), message_service.delete(BOB, sent.id)):
        with pytest.raises(NotTheAuthor):
            await write

    assert [] == broadcaster.published


async def test_write_finds_nothing_when_the_message_is_missing_or_out_of_reach(
    message_service: MessageService,
) -> None:
    """Both errors are equal, so that strangers do not learn which ids exist."""
    sent = await message_service.send(ALICE, GENERAL, "hello", None)

    for user_id, message_id in ((ALICE, MessageId("missing")), (DAVE, sent.id)):
        for write in (
            message_service.update(user_id, message_id, "hi"),
            message_service.delete(user_id, message_id),
        ):
            with pytest.raises(MessageNotFound):
                await write


async def test_senders_sockets_receive_it_when_the_membership_is_newer_than_the_last_reading(
    message_service: MessageService, channels: MemoryChannelRepository, rooms: MemorySocketRooms
) -> None:
    """The original backend added the sender to the channel after the members were last read."""
    phone = SocketId("daves-phone")
    rooms.connect(phone, DAVE)
    await message_service.send(ALICE, GENERAL, "hello", None)
    await channels.seed({DAVE: (GENERAL,)})

    await message_service.send(DAVE, GENERAL, "hello", None)

    assert phone in rooms.sockets_in("channel:general")
