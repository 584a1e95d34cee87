from datetime import timedelta

import pytest

from app.domain.delivery import DeliveryState, DeliveryStatus
from app.domain.errors import MessageNotFound, NotARecipient
from app.domain.ids import MessageId, UserId
from app.ports import MAX_COUNTED_OF_CHANNEL, Advance
from tests.contract.receipts import advanced, own_state, reported, sent
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
from tests.doubles.manual_clock import DEFAULT_START as NOW

SENT, DELIVERED, READ = DeliveryState.SENT, DeliveryState.DELIVERED, DeliveryState.READ
LATER = NOW + timedelta(milliseconds=1_234)


async def test_advance_moves_the_recipient_when_it_is_a_step_forward(storage: Storage) -> None:
    """The outcome has the new status, its time and the author."""
    message = await sent(storage)

    advance = await advanced(storage, message.id, BOB, DELIVERED, LATER)

    status = DeliveryStatus(
        message_id=message.id, recipient_id=BOB, status=DELIVERED, timestamp=LATER
    )
    assert Advance(status, ALICE, author_is_member=True, changed=True) == advance


@pytest.mark.parametrize(
    ("reached", "reported"), [(DELIVERED,) * 2, (READ,) * 2, (READ, DELIVERED)]
)
async def test_advance_changes_nothing_when_it_is_reached_already(
    storage: Storage, reached: DeliveryState, reported: DeliveryState
) -> None:
    """A late or repeated report returns the stored status, such as READ for a late DELIVERED."""
    message = await sent(storage)
    stored = await advanced(storage, message.id, BOB, reached)

    advance = await advanced(storage, message.id, BOB, reported, LATER)

    assert Advance(stored.status, ALICE, author_is_member=True, changed=False) == advance


@pytest.mark.parametrize("changed", [True, False])
async def test_advance_says_that_the_author_has_left_when_they_have(
    storage: Storage, *, changed: bool
) -> None:
    """Reports are accepted, but `author_is_member` is false until the author has rejoined."""
    message = await sent(storage)
    if not changed:
        await advanced(storage, message.id, BOB, READ)
    await storage.leave(GENERAL, ALICE)

    without = await advanced(storage, message.id, BOB, READ)
    await storage.channels.seed({ALICE: [GENERAL]})
    with_author = await advanced(storage, message.id, CAROL, READ)

    assert (False, changed) == (without.author_is_member, without.changed)
    assert (True, True) == (with_author.author_is_member, with_author.changed)
    assert READ is await own_state(storage, message)


async def test_advance_is_refused_as_not_found_when_the_message_is_missing_or_foreign(
    storage: Storage,
) -> None:
    """A user outside the channel cannot find out whether a message exists."""
    message = await sent(storage)

    foreign = await reported(storage, message.id, MALLORY, READ)
    missing = await reported(storage, MessageId("unknown"), BOB, READ)

    assert isinstance(foreign, MessageNotFound)
    assert isinstance(missing, MessageNotFound)


async def test_advance_is_refused_as_not_found_when_the_recipient_has_left(
    storage: Storage,
) -> None:
    """A former member cannot report, even about messages from the time of the membership."""
    message = await sent(storage)
    await storage.leave(GENERAL, BOB)

    outcome = await reported(storage, message.id, BOB, READ)

    assert isinstance(outcome, MessageNotFound)


async def test_advance_is_refused_when_the_author_reports(storage: Storage) -> None:
    message = await sent(storage)

    outcome = await reported(storage, message.id, ALICE, READ)

    assert isinstance(outcome, NotARecipient)


async def test_advance_is_refused_when_the_reporter_joined_later(storage: Storage) -> None:
    """A member who joined after the send can read the message, but is not its recipient."""
    message = await sent(storage)
    await storage.channels.seed({MALLORY: [GENERAL]})

    outcome = await reported(storage, message.id, MALLORY, READ)

    assert isinstance(outcome, NotARecipient)

    assert {} == (await storage.deliveries.undelivered_counts(MALLORY)).channels
    assert (message,) == await storage.messages.list_after(GENERAL, MALLORY, 0, 10)


async def test_the_message_follows_when_its_recipients_advance(storage: Storage) -> None:
    """The message has the state of the recipient that is furthest behind."""
    message = await sent(storage)
    states = [await own_state(storage, message)]

    for user_id, state in ((BOB, READ), (CAROL, DELIVERED), (CAROL, READ)):
        await advanced(storage, message.id, user_id, state)
        states.append(await own_state(storage, message))

    assert [SENT, SENT, DELIVERED, READ] == states


async def test_the_message_stays_sent_when_it_has_no_recipient(storage: Storage) -> None:
    message = await sent(storage, channel_id=NOBODY_ELSE)

    assert SENT is await own_state(storage, message)
    assert () == (await storage.deliveries.statuses(message.id, ALICE)).statuses


async def test_statuses_lists_every_recipient_when_a_member_asks(storage: Storage) -> None:
    """The list is sorted by id, and includes recipients who have not received the message yet."""
    message = await sent(storage, CAROL)
    await advanced(storage, message.id, BOB, READ, LATER)

    statuses = (await storage.deliveries.statuses(message.id, BOB)).statuses

    assert [(ALICE, SENT, NOW), (BOB, READ, LATER)] == [
        (status.recipient_id, status.status, status.timestamp) for status in statuses
    ]


async def test_statuses_are_refused_when_the_reader_may_not_see_the_message(
    storage: Storage,
) -> None:
    """A missing message and a message of a foreign channel cause the same error."""
    message = await sent(storage)

    with pytest.raises(MessageNotFound):
        await storage.deliveries.statuses(message.id, MALLORY)
    with pytest.raises(MessageNotFound):
        await storage.deliveries.statuses(MessageId("unknown"), ALICE)


@pytest.mark.parametrize("limit", [1, 2, 3])
async def test_statuses_page_through_all_recipients_when_asked_after_each_page(
    storage: Storage, limit: int
) -> None:
    """Each recipient is listed once, and every page has the counts of all states."""
    users = [UserId(f"user_{number}") for number in range(4)]
    await storage.channels.seed({user_id: [RANDOM] for user_id in users})
    message = await sent(storage, channel_id=RANDOM)
    await advanced(storage, message.id, BOB, READ)
    await advanced(storage, message.id, users[2], DELIVERED)

    pages = [await storage.deliveries.statuses(message.id, ALICE, limit)]
    while pages[-1].has_more:
        after = pages[-1].statuses[-1].recipient_id
        pages.append(await storage.deliveries.statuses(message.id, ALICE, limit, after))

    recipients = [status.recipient_id for page in pages for status in page.statuses]
    assert sorted([BOB, *users]) == sorted(recipients)
    assert -(-len(recipients) // limit) == len(pages)
    assert [{SENT: 3, DELIVERED: 1, READ: 1}] * len(pages) == [page.counts for page in pages]


async def test_statuses_have_no_counts_when_all_recipients_are_on_the_page(
    storage: Storage,
) -> None:
    message = await sent(storage)

    page = await storage.deliveries.statuses(message.id, ALICE, limit=2)

    assert (2, False, None) == (len(page.statuses), page.has_more, page.counts)


async def test_statuses_are_empty_when_no_recipient_follows(storage: Storage) -> None:
    """The id in `after` need not belong to a recipient of the message."""
    message = await sent(storage)

    page = await storage.deliveries.statuses(message.id, ALICE, 10, UserId("user_zoe"))

    assert ((), False, {SENT: 2}) == (page.statuses, page.has_more, page.counts)


async def test_undelivered_counts_stop_when_a_channel_has_more(storage: Storage) -> None:
    """The limit applies to each channel. A channel exactly at the limit is counted completely."""
    most = MAX_COUNTED_OF_CHANNEL
    await storage.messages.add_all([draft() for _ in range(most)], NOW)
    await sent(storage, channel_id=RANDOM)

    all_counted = await storage.deliveries.undelivered_counts(BOB)
    await sent(storage)
    counts = await storage.deliveries.undelivered_counts(BOB)

    assert ({GENERAL: most, RANDOM: 1}, False) == (all_counted.channels, all_counted.more)
    assert ({GENERAL: most, RANDOM: 1}, True) == (counts.channels, counts.more)


async def test_undelivered_counts_only_what_is_sent_when_some_has_arrived(
    storage: Storage,
) -> None:
    """Delivered, read and own messages are not counted. Channels with a count of 0 are omitted."""
    delivered, read = await sent(storage), await sent(storage)
    await sent(storage)
    await sent(storage, CAROL)
    await sent(storage, BOB)
    arrived = await sent(storage, channel_id=RANDOM)
    await advanced(storage, delivered.id, BOB, DELIVERED)
    await advanced(storage, read.id, BOB, READ)
    await advanced(storage, arrived.id, BOB, DELIVERED)

    counts = (await storage.deliveries.undelivered_counts(BOB)).channels

    assert {GENERAL: 2} == counts


async def test_undelivered_pages_through_all_channels_when_asked_after_each_position(
    storage: Storage,
) -> None:
    """The pages contain each message of all channels once, in the order of storing."""
    channels = [GENERAL, RANDOM, GENERAL, RANDOM, RANDOM]
    stored = [await sent(storage, channel_id=channel_id) for channel_id in channels]

    pages = [await storage.deliveries.undelivered(BOB, after=0, limit=2)]
    while pages[-1].positions:
        last = pages[-1].positions[-1]
        pages.append(await storage.deliveries.undelivered(BOB, after=last, limit=2))

    assert stored == [message for page in pages for message in page.messages]
    assert [2, 2, 1, 0] == [len(page.messages) for page in pages]
    positions = [position for page in pages for position in page.positions]
    assert sorted(set(positions)) == positions


async def test_undelivered_goes_on_where_it_was_when_what_was_paged_has_arrived(
    storage: Storage,
) -> None:
    """A position remains valid when messages before it are delivered or deleted."""
    stored = [await sent(storage) for _ in range(4)]
    page = await storage.deliveries.undelivered(BOB, after=0, limit=2)
    await advanced(storage, stored[1].id, BOB, READ)
    await storage.messages.delete(stored[2].id, ALICE)

    rest = await storage.deliveries.undelivered(BOB, after=page.positions[-1], limit=10)
    again = await storage.deliveries.undelivered(BOB, after=0, limit=10)

    assert (stored[3],) == rest.messages
    assert (stored[0], stored[3]) == again.messages


async def test_undelivered_leaves_out_a_channel_when_the_user_has_left_it(
    storage: Storage,
) -> None:
    await sent(storage)
    elsewhere = await sent(storage, channel_id=RANDOM)
    await storage.leave(GENERAL, BOB)

    counts = (await storage.deliveries.undelivered_counts(BOB)).channels
    page = await storage.deliveries.undelivered(BOB, after=0, limit=10)

    assert {RANDOM: 1} == counts
    assert (elsewhere,) == page.messages


async def test_undelivered_is_empty_when_nothing_waits(storage: Storage) -> None:
    """The page of an unknown user is empty; a user without undelivered messages has no counts."""
    page = await storage.deliveries.undelivered(UserId("user_unknown"), after=0, limit=10)

    assert ((), ()) == (page.messages, page.positions)
    assert {} == (await storage.deliveries.undelivered_counts(ALICE)).channels


async def test_the_message_follows_when_messages_before_it_were_deleted(storage: Storage) -> None:
    """Two messages were deleted before the report: an undelivered one, and one by the recipient."""
    await advanced(storage, (await sent(storage)).id, BOB, DELIVERED)
    undelivered, own = await sent(storage), await sent(storage, BOB)
    await storage.messages.delete(undelivered.id, ALICE)
    await storage.messages.delete(own.id, BOB)
    message = await sent(storage)

    for user_id in (BOB, CAROL):
        await advanced(storage, message.id, user_id, DELIVERED)

    assert DELIVERED is await own_state(storage, message)
    assert {} == (await storage.deliveries.undelivered_counts(BOB)).channels
