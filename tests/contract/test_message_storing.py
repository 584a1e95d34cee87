import asyncio
from collections.abc import Iterable
from datetime import timedelta

import pytest

from app.domain.delivery import DeliveryState
from app.domain.errors import ClientMessageIdReused, MessageDeleted, NotAMember
from app.domain.ids import ChannelId, UserId
from app.domain.message import Message, User
from app.ports import AddOutcome, StoredMessage
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
    add_one,
    draft,
)
from tests.doubles.manual_clock import DEFAULT_START as NOW

LATER = NOW + timedelta(milliseconds=1_234)


def numbers(outcomes: Iterable[AddOutcome]) -> list[int | type[AddOutcome]]:
    """Return the ``seq`` of each stored message, and the type of each refusal."""
    return [
        each.message.seq if isinstance(each, StoredMessage) else type(each) for each in outcomes
    ]


def messages(outcomes: Iterable[AddOutcome]) -> list[Message]:
    """Return the messages of the accepted drafts."""
    return [each.message for each in outcomes if isinstance(each, StoredMessage)]


async def test_add_all_answers_with_the_message_when_it_is_stored(storage: Storage) -> None:
    """The outcome contains the complete message: author, number, dates and state."""
    asked = draft(content="hällo 🎈 'quoted'")

    stored = await storage.messages.add_all([asked], NOW)

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
    assert [StoredMessage(expected, is_new=True)] == list(stored)
    assert (expected,) == await storage.messages.list_after(GENERAL, BOB, 0, 10)


async def test_add_all_does_nothing_when_there_is_no_draft(storage: Storage) -> None:
    assert [] == list(await storage.messages.add_all([], NOW))


async def test_add_all_counts_each_channel_from_one_when_there_are_several(
    storage: Storage,
) -> None:
    """In each channel, numbers follow the order of the drafts of all senders."""
    drafts = [
        draft(ALICE, RANDOM),
        draft(ALICE, GENERAL),
        draft(BOB, GENERAL),
        draft(BOB, RANDOM),
        draft(ALICE, NOBODY_ELSE),
        draft(CAROL, GENERAL),
    ]

    first = await storage.messages.add_all(drafts[:3], NOW)
    second = await storage.messages.add_all(drafts[3:], NOW)

    assert [1, 1, 2, 2, 1, 3] == numbers([*first, *second])
    assert [each.id for each in drafts] == [each.id for each in messages([*first, *second])]


async def test_add_all_stores_what_it_answers_when_there_are_many(storage: Storage) -> None:
    """The channel lists the messages of a full batch exactly as they were returned."""
    drafts = [
        draft(user_id, content=f"{number}", client_message_id=f"c-{number}")
        for number in range(100)
        for user_id in (ALICE, BOB)
    ]

    stored = messages(await storage.messages.add_all(drafts, NOW))

    assert stored == list(await storage.messages.stored_after(GENERAL, 0, 1_000))
    assert [each.content for each in drafts] == [each.content for each in stored]


async def test_add_all_delivers_to_the_other_members_when_it_stores(storage: Storage) -> None:
    drafts = [draft(ALICE, RANDOM), draft(BOB, GENERAL), draft(ALICE, GENERAL)]

    in_random, of_bob, of_alice = messages(await storage.messages.add_all(drafts, NOW))

    for user_id, expected in (
        (ALICE, (of_bob,)),
        (BOB, (in_random, of_alice)),
        (CAROL, (of_bob, of_alice)),
        (MALLORY, ()),
    ):
        page = await storage.deliveries.undelivered(user_id, after=0, limit=10)
        assert expected == page.messages


async def test_add_all_gives_gapless_numbers_when_many_send_at_once(storage: Storage) -> None:
    """Concurrent batches use every number once, and the channel is listed by number."""
    batches = [[draft(ALICE), draft(BOB), draft(CAROL)] for _ in range(10)]

    stored = await asyncio.gather(*(storage.messages.add_all(each, NOW) for each in batches))

    read = await storage.messages.list_after(GENERAL, ALICE, 0, 100)
    answered = [message for outcomes in stored for message in messages(outcomes)]
    assert list(range(1, 31)) == [message.seq for message in read]
    assert list(read) == sorted(answered, key=lambda each: each.seq)


async def test_add_all_gives_no_number_when_it_is_refused(storage: Storage) -> None:
    """A refused draft leaves no gap in the sequence, and the other drafts are stored."""
    await add(storage, draft(client_message_id="c-1"))
    deleted = await add(storage, draft(client_message_id="c-2"))
    await storage.messages.delete(deleted.id, ALICE)
    drafts = [
        draft(),
        draft(MALLORY),
        draft(client_message_id="c-1"),
        draft(client_message_id="c-2"),
        draft(BOB),
        draft(CAROL, RANDOM),
        draft(),
    ]

    outcomes = await storage.messages.add_all(drafts, LATER)

    assert [3, NotAMember, 1, MessageDeleted, 4, NotAMember, 5] == numbers(outcomes)
    read = await storage.messages.list_after(GENERAL, ALICE, 0, 10)
    assert [1, 3, 4, 5] == [message.seq for message in read]
    assert {GENERAL: 5} == await storage.messages.last_seqs([GENERAL])


@pytest.mark.parametrize(
    "channel_id", [GENERAL, ChannelId("unknown")], ids=["not a member", "no such channel"]
)
async def test_add_all_refuses_when_the_sender_is_not_a_member(
    storage: Storage, channel_id: ChannelId
) -> None:
    added = await add_one(storage, draft(MALLORY, channel_id))

    assert isinstance(added, NotAMember)
    assert {channel_id: 0} == await storage.messages.last_seqs([channel_id])
    assert () == await storage.messages.stored_after(channel_id, 0, 10)


@pytest.mark.parametrize("name", ['"', "\\", "ä 🎈", "]", "x" * 191])
async def test_add_all_stores_when_ids_are_of_any_form(storage: Storage, name: str) -> None:
    """Any character may occur in ids of users and channels, and none has a special meaning."""
    user_id, channel_id = UserId(f"user {name}"), ChannelId(name)
    await storage.channels.seed({user_id: [channel_id], BOB: [channel_id]})
    drafts = [
        draft(user_id, channel_id, client_message_id=name),
        draft(BOB, channel_id, client_message_id=name),
    ]

    stored = messages(await storage.messages.add_all(drafts, NOW))
    again = messages(await storage.messages.add_all(drafts, NOW))

    assert [user_id, BOB] == [each.user.id for each in stored]
    assert stored == again == list(await storage.messages.stored_after(channel_id, 0, 10))


async def test_add_all_answers_with_the_first_message_when_the_client_id_is_sent_again(
    storage: Storage,
) -> None:
    """A repeated send stores no second message, and returns the first message with its edits."""
    first = await add(storage, draft(content="one", client_message_id="c-1"))
    edited = await storage.messages.update(first.id, ALICE, "edited", LATER)

    again = await add_one(storage, draft(content="one", client_message_id="c-1"), LATER)

    assert StoredMessage(edited, is_new=False) == again
    assert (edited,) == await storage.messages.list_after(GENERAL, BOB, 0, 10)


async def test_add_all_stores_the_first_when_a_client_id_comes_twice_in_it(
    storage: Storage,
) -> None:
    """A repetition within a batch returns the first message; with other content it is refused."""
    drafts = [draft(content=each, client_message_id="c-1") for each in ("one", "one", "two")]

    first, repeated, reused = await storage.messages.add_all(drafts, NOW)

    (message,) = messages([first])
    assert StoredMessage(message, is_new=True) == first
    assert StoredMessage(message, is_new=False) == repeated
    assert isinstance(reused, ClientMessageIdReused)
    assert "one" == message.content
    assert (message,) == await storage.messages.list_after(GENERAL, BOB, 0, 10)


@pytest.mark.parametrize(
    ("channel_id", "content"),
    [(GENERAL, "two"), (GENERAL, "edited"), (GENERAL, "ONE"), (RANDOM, "one")],
    ids=["another content", "the edited content", "other case", "another channel"],
)
async def test_add_all_refuses_when_the_client_id_was_used_for_something_else(
    storage: Storage, channel_id: ChannelId, content: str
) -> None:
    """The content is compared with that of the first send, not with a later edit."""
    first = await add(storage, draft(content="one", client_message_id="c-1"))
    edited = await storage.messages.update(first.id, ALICE, "edited", LATER)

    reused = await add_one(
        storage, draft(ALICE, channel_id, content=content, client_message_id="c-1"), LATER
    )

    assert isinstance(reused, ClientMessageIdReused)
    assert (edited,) == await storage.messages.list_after(GENERAL, ALICE, 0, 10)
    assert {RANDOM: 0} == await storage.messages.last_seqs([RANDOM])


async def test_add_all_refuses_all_but_one_when_a_client_id_is_reused_at_the_same_time(
    storage: Storage,
) -> None:
    """Only one of the concurrent sends is stored, even if their channels differ."""
    drafts = [
        draft(ALICE, (GENERAL, RANDOM)[number % 2], f"{number}", client_message_id="c-1")
        for number in range(10)
    ]

    outcomes = await asyncio.gather(*(add_one(storage, each) for each in drafts))

    stored = [each for each in outcomes if isinstance(each, StoredMessage)]
    assert [True] == [each.is_new for each in stored]
    assert 9 == sum(isinstance(each, ClientMessageIdReused) for each in outcomes)
    read = [
        *await storage.messages.stored_after(GENERAL, 0, 10),
        *await storage.messages.stored_after(RANDOM, 0, 10),
    ]
    assert [each.message for each in stored] == read


async def test_add_all_takes_no_client_id_when_the_first_that_has_it_is_refused(
    storage: Storage,
) -> None:
    """A refused send does not use up its client message id."""
    drafts = [
        draft(CAROL, RANDOM, client_message_id="c-1"),
        draft(CAROL, GENERAL, client_message_id="c-1"),
    ]

    refused, stored = await storage.messages.add_all(drafts, NOW)

    assert isinstance(refused, NotAMember)
    assert isinstance(stored, StoredMessage)
    assert (True, GENERAL) == (stored.is_new, stored.message.channel_id)


async def test_add_all_stores_one_message_when_a_client_id_is_sent_many_times_at_once(
    storage: Storage,
) -> None:
    """Of concurrent sends with the same client message id, exactly one is new.

    The batches have the same ids in different orders and channels, and do not deadlock.
    """
    client_ids = [f"c-{number}" for number in range(8)]
    batches = [
        [
            draft((ALICE, BOB)[number % 2], (GENERAL, RANDOM)[number % 2], client_message_id=each)
            for number, each in enumerate(client_ids[turn % 8 :] + client_ids[: turn % 8], turn)
        ]
        for turn in range(20)
    ]

    stored = await asyncio.gather(*(storage.messages.add_all(each, NOW) for each in batches))

    outcomes = [each for answers in stored for each in answers if isinstance(each, StoredMessage)]
    asked = {(each.user_id, each.client_message_id) for batch in batches for each in batch}
    new = [each.message for each in outcomes if each.is_new]
    general = await storage.messages.stored_after(GENERAL, 0, 100)
    in_random = await storage.messages.stored_after(RANDOM, 0, 100)
    assert 20 * 8 == len(outcomes)
    assert len(asked) == len(new) == len(general) + len(in_random)
    assert {each.id for each in new} == {each.message.id for each in outcomes}
    for channel in (general, in_random):
        assert list(range(1, len(channel) + 1)) == [message.seq for message in channel]


async def test_add_all_stores_both_when_two_users_choose_the_same_client_id(
    storage: Storage,
) -> None:
    drafts = [draft(ALICE, client_message_id="c-1"), draft(BOB, client_message_id="c-1")]

    outcomes = await storage.messages.add_all(drafts, NOW)

    assert [1, 2] == numbers(outcomes)


async def test_add_all_refuses_when_the_client_id_was_stored_and_deleted(
    storage: Storage,
) -> None:
    message = await add(storage, draft(client_message_id="c-1"))
    await storage.messages.delete(message.id, ALICE)

    added = await add_one(storage, draft(client_message_id="c-1"))
    other = await add_one(storage, draft(content="other", client_message_id="c-1"))

    assert isinstance(added, MessageDeleted)
    assert isinstance(other, ClientMessageIdReused)
    assert () == await storage.messages.list_after(GENERAL, ALICE, 0, 10)


async def test_add_all_refuses_as_no_member_first_when_a_former_member_repeats_a_send(
    storage: Storage,
) -> None:
    await add(storage, draft(BOB, client_message_id="c-1"))
    await storage.leave(GENERAL, BOB)

    added = await add_one(storage, draft(BOB, client_message_id="c-1"))

    assert isinstance(added, NotAMember)
