from dataclasses import replace
from datetime import timedelta

import pytest

from app.domain.delivery import DeliveryState
from app.domain.errors import ChatError, MessageNotFound, NotAMember, NotTheAuthor
from app.domain.ids import ChannelId, MessageId, UserId
from app.domain.message import DeletedMessage
from app.ports import Report
from tests.contract.storage import (
    ALICE,
    BOB,
    CAROL,
    GENERAL,
    MALLORY,
    NOBODY_ELSE,
    RANDOM,
    Storage,
    add,
    draft,
)
from tests.doubles.manual_clock import DEFAULT_START as NOW

LATER = NOW + timedelta(milliseconds=1_234)


async def test_update_replaces_the_content_when_the_author_asks(storage: Storage) -> None:
    message = await add(storage, draft())

    updated = await storage.messages.update(message.id, ALICE, "changed", LATER)

    expected = replace(message, content="changed", updated_at=LATER)
    assert expected == updated
    assert (expected,) == await storage.messages.list_after(GENERAL, BOB, 0, 10)


async def test_delete_removes_the_message_and_its_deliveries_when_the_author_asks(
    storage: Storage,
) -> None:
    message = await add(storage, draft())
    await storage.deliveries.advance_all([Report(message.id, BOB, DeliveryState.READ)], NOW)

    deleted = await storage.messages.delete(message.id, ALICE)

    assert DeletedMessage(message_id=message.id, channel_id=GENERAL) == deleted
    assert () == await storage.messages.list_after(GENERAL, ALICE, 0, 10)
    assert {} == (await storage.deliveries.undelivered_counts(CAROL)).channels
    with pytest.raises(MessageNotFound):
        await storage.deliveries.statuses(message.id, ALICE)


async def test_delete_frees_no_number_when_the_last_message_goes(storage: Storage) -> None:
    message = await add(storage, draft())
    await storage.messages.delete(message.id, ALICE)

    following = await add(storage, draft())

    assert 2 == following.seq
    assert {GENERAL: 2} == await storage.messages.last_seqs([GENERAL])


@pytest.mark.parametrize(
    ("editor_id", "refusal"), [(BOB, NotTheAuthor), (MALLORY, MessageNotFound)]
)
async def test_a_change_is_refused_when_another_asks(
    storage: Storage, editor_id: UserId, refusal: type[ChatError]
) -> None:
    """Other members get `NotTheAuthor`. Other users cannot find out whether the message exists."""
    message = await add(storage, draft())

    with pytest.raises(refusal):
        await storage.messages.update(message.id, editor_id, "changed", LATER)
    with pytest.raises(refusal):
        await storage.messages.delete(message.id, editor_id)

    assert (message,) == await storage.messages.list_after(GENERAL, ALICE, 0, 10)


async def test_a_change_is_refused_as_not_found_when_the_author_has_left(
    storage: Storage,
) -> None:
    """An author who has left the channel may not change the message."""
    message = await add(storage, draft(BOB))
    await storage.leave(GENERAL, BOB)

    with pytest.raises(MessageNotFound):
        await storage.messages.update(message.id, BOB, "changed", LATER)
    with pytest.raises(MessageNotFound):
        await storage.messages.delete(message.id, BOB)


async def test_a_change_is_refused_as_not_found_when_there_is_no_such_message(
    storage: Storage,
) -> None:
    """An unknown id causes the same error as a message of a foreign channel."""
    with pytest.raises(MessageNotFound):
        await storage.messages.update(MessageId("unknown"), ALICE, "changed", LATER)
    with pytest.raises(MessageNotFound):
        await storage.messages.delete(MessageId("unknown"), ALICE)


async def test_list_after_pages_by_number_when_some_are_deleted(storage: Storage) -> None:
    """Deleted messages and messages of other channels are left out."""
    general = [await add(storage, draft()) for _ in range(6)]
    await add(storage, draft(channel_id=RANDOM))
    await storage.messages.delete(general[2].id, ALICE)

    first = await storage.messages.list_after(GENERAL, BOB, after_seq=1, limit=2)
    second = await storage.messages.list_after(GENERAL, BOB, after_seq=first[-1].seq, limit=10)
    third = await storage.messages.list_after(GENERAL, BOB, after_seq=6, limit=10)

    assert [2, 4] == [message.seq for message in first]
    assert [5, 6] == [message.seq for message in second]
    assert () == third


@pytest.mark.parametrize("channel_id", [NOBODY_ELSE, ChannelId("unknown")])
async def test_list_after_refuses_when_the_reader_is_not_a_member(
    storage: Storage, channel_id: ChannelId
) -> None:
    """Reading an unknown channel is refused in the same way."""
    await add(storage, draft(channel_id=NOBODY_ELSE))

    with pytest.raises(NotAMember):
        await storage.messages.list_after(channel_id, BOB, 0, 10)


async def test_list_after_is_empty_when_the_number_is_larger_than_any(storage: Storage) -> None:
    """A client may send any number as the position to continue after."""
    await add(storage, draft())

    assert () == await storage.messages.list_after(GENERAL, BOB, after_seq=2**53 - 1, limit=10)


async def test_stored_after_is_what_a_member_reads_when_the_server_asks(storage: Storage) -> None:
    """`stored_after` returns the same messages as `list_after`, and none for an unknown channel."""
    stored = [await add(storage, draft()) for _ in range(4)]
    await add(storage, draft(channel_id=RANDOM))
    await storage.messages.delete(stored[1].id, ALICE)

    first = await storage.messages.stored_after(GENERAL, after_seq=0, limit=2)
    rest = await storage.messages.stored_after(GENERAL, after_seq=first[-1].seq, limit=10)
    unknown = await storage.messages.stored_after(ChannelId("unknown"), after_seq=0, limit=10)

    assert [(stored[0], stored[2]), (stored[3],), ()] == [first, rest, unknown]


async def test_last_seqs_are_what_was_given_last_when_there_are_channels(storage: Storage) -> None:
    """The last number of an unknown channel, or of one without messages, is 0."""
    for channel_id in (GENERAL, GENERAL, RANDOM):
        await add(storage, draft(channel_id=channel_id))
    unknown = ChannelId("unknown")

    found = await storage.messages.last_seqs([GENERAL, RANDOM, NOBODY_ELSE, unknown])

    assert {GENERAL: 2, RANDOM: 1, NOBODY_ELSE: 0, unknown: 0} == found
    assert {} == await storage.messages.last_seqs([])


async def test_find_gives_the_message_when_there_is_one(storage: Storage) -> None:
    """The message is found with its edits; a deleted or unknown message is not found."""
    message, deleted = await add(storage, draft()), await add(storage, draft())
    edited = await storage.messages.update(message.id, ALICE, "edited", LATER)
    await storage.messages.delete(deleted.id, ALICE)

    asked = (message.id, deleted.id, MessageId("unknown"))
    found = [await storage.messages.find(message_id) for message_id in asked]

    assert [edited, None, None] == found


async def test_every_message_has_a_sequence_when_only_this_server_stores(storage: Storage) -> None:
    """Adopting a message that already has a sequence does not change it."""
    message = await add(storage, draft())

    await storage.adoption.adopt([message.id])

    assert {} == await storage.adoption.find_unsequenced(10, LATER)
    assert (message,) == await storage.messages.stored_after(GENERAL, 0, 10)
    assert {GENERAL: 1} == await storage.messages.last_seqs([GENERAL])
