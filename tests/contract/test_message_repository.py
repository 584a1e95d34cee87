import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from app.adapters.memory.manual_clock import DEFAULT_START as NOW
from app.domain.delivery import DeliveryState
from app.domain.errors import ChatError, MessageDeleted, MessageNotFound, NotAMember, NotTheAuthor
from app.domain.ids import ChannelId, MessageId, UserId
from app.domain.message import DeletedMessage, Message
from app.domain.user import User
from app.ports import StoredMessage
from tests.contract.storage import (
    ALICE,
    BOB,
    CAROL,
    GENERAL,
    MALLORY,
    NOBODY_ELSE,
    RANDOM,
    Storage,
    draft,
)

LATER = NOW + timedelta(milliseconds=1_234)


async def test_add_answers_with_the_message_when_it_is_stored(storage: Storage) -> None:
    """The stored message is complete: its author, its place, its dates, its state."""
    asked = draft(content="hällo 🎈 'quoted'")

    stored = await storage.messages.add(asked, NOW)

    expected = Message(
        id=asked.id,
        content="hällo 🎈 'quoted'",
        channel_id=GENERAL,
        user_id=ALICE,
        created_at=NOW,
        updated_at=NOW,
        delivery_status=DeliveryState.SENT,
        user=User(id=ALICE, name="Alice"),
        seq=1,
    )
    assert StoredMessage(expected, is_new=True) == stored
    assert (expected,) == await storage.messages.list_after(GENERAL, BOB, 0, 10)


async def test_add_counts_each_channel_from_one_when_there_are_several(storage: Storage) -> None:
    """Numbers belong to a channel, whoever sends."""
    drafts = [draft(ALICE, GENERAL), draft(ALICE, RANDOM), draft(BOB, GENERAL)]

    seqs = [(await storage.messages.add(each, NOW)).message.seq for each in drafts]

    assert [1, 1, 2] == seqs


async def test_add_gives_gapless_numbers_when_many_send_at_once(storage: Storage) -> None:
    """Concurrent sends get every number once, and the channel reads in their order."""
    drafts = [draft(user_id) for user_id in (ALICE, BOB, CAROL) for _ in range(10)]

    stored = await asyncio.gather(*(storage.messages.add(each, NOW) for each in drafts))

    read = await storage.messages.list_after(GENERAL, ALICE, 0, 100)
    assert list(range(1, 31)) == [message.seq for message in read]
    assert list(read) == sorted((each.message for each in stored), key=lambda each: each.seq)


async def test_add_gives_no_number_when_it_is_refused(storage: Storage) -> None:
    """A send that stores nothing leaves no gap."""
    await storage.messages.add(draft(client_message_id="c-1"), NOW)
    await storage.messages.add(draft(client_message_id="c-1"), NOW)
    with pytest.raises(NotAMember):
        await storage.messages.add(draft(MALLORY), NOW)

    stored = await storage.messages.add(draft(), NOW)

    assert 2 == stored.message.seq


@pytest.mark.parametrize(
    "channel_id", [GENERAL, ChannelId("unknown")], ids=["not a member", "no such channel"]
)
async def test_add_refuses_when_the_sender_is_not_a_member(
    storage: Storage, channel_id: ChannelId
) -> None:
    """Only members send."""
    with pytest.raises(NotAMember):
        await storage.messages.add(draft(MALLORY, channel_id), NOW)

    assert () == await storage.messages.list_after(GENERAL, ALICE, 0, 10)


async def test_add_answers_with_the_first_message_when_the_client_id_is_sent_again(
    storage: Storage,
) -> None:
    """A repeated client message id stores nothing and answers with what stands there now."""
    first = await storage.messages.add(draft(content="one", client_message_id="c-1"), NOW)
    edited = await storage.messages.update(first.message.id, ALICE, "edited", LATER)

    again = await storage.messages.add(draft(content="two", client_message_id="c-1"), LATER)

    assert StoredMessage(edited, is_new=False) == again
    assert (edited,) == await storage.messages.list_after(GENERAL, BOB, 0, 10)


async def test_add_stores_one_message_when_a_client_id_is_sent_many_times_at_once(
    storage: Storage,
) -> None:
    """Of concurrent sends with one client message id exactly one is new."""
    drafts = [draft(client_message_id="c-1") for _ in range(10)]

    stored = await asyncio.gather(*(storage.messages.add(each, NOW) for each in drafts))

    assert 1 == sum(each.is_new for each in stored)
    assert 1 == len({each.message.id for each in stored})
    assert 1 == len(await storage.messages.list_after(GENERAL, ALICE, 0, 10))


async def test_add_stores_both_when_two_users_choose_the_same_client_id(storage: Storage) -> None:
    """A client message id is its user's own."""
    await storage.messages.add(draft(ALICE, client_message_id="c-1"), NOW)

    stored = await storage.messages.add(draft(BOB, client_message_id="c-1"), NOW)

    assert stored.is_new


async def test_add_refuses_when_the_client_id_was_stored_and_deleted(storage: Storage) -> None:
    """A deleted message is not stored again by a late retry."""
    stored = await storage.messages.add(draft(client_message_id="c-1"), NOW)
    await storage.messages.delete(stored.message.id, ALICE)

    with pytest.raises(MessageDeleted):
        await storage.messages.add(draft(client_message_id="c-1"), NOW)

    assert () == await storage.messages.list_after(GENERAL, ALICE, 0, 10)


async def test_add_refuses_as_no_member_first_when_a_former_member_repeats_a_send(
    storage: Storage,
) -> None:
    """Membership is checked before the client message id."""
    await storage.messages.add(draft(BOB, client_message_id="c-1"), NOW)
    await storage.leave(GENERAL, BOB)

    with pytest.raises(NotAMember):
        await storage.messages.add(draft(BOB, client_message_id="c-1"), NOW)


async def test_update_replaces_the_content_when_the_author_asks(storage: Storage) -> None:
    """Content and ``updated_at`` change, and nothing else."""
    message = (await storage.messages.add(draft(), NOW)).message

    updated = await storage.messages.update(message.id, ALICE, "changed", LATER)

    expected = replace(message, content="changed", updated_at=LATER)
    assert expected == updated
    assert (expected,) == await storage.messages.list_after(GENERAL, BOB, 0, 10)


async def test_delete_removes_the_message_and_its_deliveries_when_the_author_asks(
    storage: Storage,
) -> None:
    """Nothing is left to read, to count or to report on."""
    message = (await storage.messages.add(draft(), NOW)).message
    await storage.deliveries.advance(message.id, BOB, DeliveryState.READ, NOW)

    deleted = await storage.messages.delete(message.id, ALICE)

    assert DeletedMessage(message_id=message.id, channel_id=GENERAL) == deleted
    assert () == await storage.messages.list_after(GENERAL, ALICE, 0, 10)
    assert {} == await storage.deliveries.undelivered_counts(CAROL)
    assert await storage.messages.channel_of(message.id) is None
    with pytest.raises(MessageNotFound):
        await storage.deliveries.statuses(message.id, ALICE)


async def test_delete_frees_no_number_when_the_last_message_goes(storage: Storage) -> None:
    """The next message gets the next number."""
    message = (await storage.messages.add(draft(), NOW)).message
    await storage.messages.delete(message.id, ALICE)

    stored = await storage.messages.add(draft(), NOW)

    assert 2 == stored.message.seq


@pytest.mark.parametrize(
    ("editor_id", "refusal"), [(BOB, NotTheAuthor), (MALLORY, MessageNotFound)]
)
async def test_a_change_is_refused_when_another_asks(
    storage: Storage, editor_id: UserId, refusal: type[ChatError]
) -> None:
    """A member hears that he is not the author, an outsider that there is no such message."""
    message = (await storage.messages.add(draft(), NOW)).message

    with pytest.raises(refusal):
        await storage.messages.update(message.id, editor_id, "changed", LATER)
    with pytest.raises(refusal):
        await storage.messages.delete(message.id, editor_id)

    assert (message,) == await storage.messages.list_after(GENERAL, ALICE, 0, 10)


async def test_a_change_is_refused_as_not_found_when_the_author_has_left(
    storage: Storage,
) -> None:
    """Only a member does anything in a channel, the author included."""
    message = (await storage.messages.add(draft(BOB), NOW)).message
    await storage.leave(GENERAL, BOB)

    with pytest.raises(MessageNotFound):
        await storage.messages.update(message.id, BOB, "changed", LATER)
    with pytest.raises(MessageNotFound):
        await storage.messages.delete(message.id, BOB)


async def test_a_change_is_refused_as_not_found_when_there_is_no_such_message(
    storage: Storage,
) -> None:
    """An unknown id is answered as a foreign one."""
    with pytest.raises(MessageNotFound):
        await storage.messages.update(MessageId("unknown"), ALICE, "changed", LATER)
    with pytest.raises(MessageNotFound):
        await storage.messages.delete(MessageId("unknown"), ALICE)


async def test_channel_of_is_found_when_the_message_exists(storage: Storage) -> None:
    """A message's channel is known, an unknown message's is None."""
    message = (await storage.messages.add(draft(channel_id=RANDOM), NOW)).message

    assert RANDOM == await storage.messages.channel_of(message.id)
    assert await storage.messages.channel_of(MessageId("unknown")) is None


async def test_list_after_pages_by_number_when_some_are_deleted(storage: Storage) -> None:
    """Pages go on after the last number; what was deleted is not there, what is elsewhere not."""
    general = [(await storage.messages.add(draft(), NOW)).message for _ in range(6)]
    await storage.messages.add(draft(channel_id=RANDOM), NOW)
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
    """Only members read, and an unknown channel has none."""
    await storage.messages.add(draft(channel_id=NOBODY_ELSE), NOW)

    with pytest.raises(NotAMember):
        await storage.messages.list_after(channel_id, BOB, 0, 10)
