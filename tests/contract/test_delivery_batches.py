import asyncio
from collections.abc import Sequence
from datetime import timedelta

from app.domain.delivery import DeliveryState
from app.domain.errors import MessageNotFound, NotARecipient
from app.domain.ids import MessageId, UserId
from app.ports import Advance, AdvanceOutcome, Report
from tests.contract.receipts import advanced, own_state, sent
from tests.contract.storage import ALICE, BOB, CAROL, GENERAL, MALLORY, RANDOM, Storage
from tests.doubles.manual_clock import DEFAULT_START as NOW

SENT, DELIVERED, READ = DeliveryState.SENT, DeliveryState.DELIVERED, DeliveryState.READ
LATER = NOW + timedelta(seconds=1)
BATCH = 256


def changes(outcomes: Sequence[AdvanceOutcome]) -> list[tuple[DeliveryState, bool]]:
    """Return the state after each accepted report, and whether the report changed it."""
    return [
        (outcome.status.status, outcome.changed)
        for outcome in outcomes
        if isinstance(outcome, Advance)
    ]


async def test_advance_all_answers_each_report_when_they_are_of_several_messages_and_channels(
    storage: Storage,
) -> None:
    """Outcomes have the order of the reports. A message has the lowest state of its recipients."""
    first, second = await sent(storage), await sent(storage, BOB)
    elsewhere = await sent(storage, channel_id=RANDOM)

    outcomes = await storage.deliveries.advance_all(
        [
            Report(elsewhere.id, BOB, DELIVERED),
            Report(first.id, CAROL, READ),
            Report(second.id, ALICE, DELIVERED),
            Report(first.id, BOB, DELIVERED),
            Report(second.id, CAROL, READ),
        ],
        LATER,
    )

    assert [
        (elsewhere.id, BOB, DELIVERED, LATER, ALICE, True),
        (first.id, CAROL, READ, LATER, ALICE, True),
        (second.id, ALICE, DELIVERED, LATER, BOB, True),
        (first.id, BOB, DELIVERED, LATER, ALICE, True),
        (second.id, CAROL, READ, LATER, BOB, True),
    ] == [
        (
            outcome.status.message_id,
            outcome.status.recipient_id,
            outcome.status.status,
            outcome.status.timestamp,
            outcome.author_id,
            outcome.changed,
        )
        for outcome in outcomes
        if isinstance(outcome, Advance)
    ]
    assert [DELIVERED] * 3 == [await own_state(storage, it) for it in (first, second, elsewhere)]


async def test_advance_all_counts_the_others_when_some_are_refused(storage: Storage) -> None:
    """The outcome of a refused report is its error, and the other reports are accepted."""
    message = await sent(storage)

    outcomes = await storage.deliveries.advance_all(
        [
            Report(MessageId("unknown"), BOB, READ),
            Report(message.id, BOB, READ),
            Report(message.id, ALICE, READ),
            Report(message.id, MALLORY, READ),
            Report(message.id, CAROL, READ),
        ],
        LATER,
    )

    assert [MessageNotFound, Advance, NotARecipient, MessageNotFound, Advance] == [
        type(outcome) for outcome in outcomes
    ]
    assert READ is await own_state(storage, message)


async def test_advance_all_refuses_each_report_when_none_can_be_taken(storage: Storage) -> None:
    message = await sent(storage)

    unknown = await storage.deliveries.advance_all([Report(MessageId("unknown"), BOB, READ)], NOW)
    outsider = await storage.deliveries.advance_all([Report(message.id, MALLORY, READ)], NOW)

    assert [MessageNotFound] * 2 == [type(outcome) for outcome in (*unknown, *outsider)]


async def test_advance_all_is_empty_when_there_are_no_reports(storage: Storage) -> None:
    outcomes = await storage.deliveries.advance_all([], NOW)

    assert [] == list(outcomes)


async def test_advance_all_reports_both_steps_when_a_recipient_reports_them_together(
    storage: Storage,
) -> None:
    """Reports of DELIVERED and READ in one batch are two changes, and READ is stored."""
    message = await sent(storage)
    reports = [Report(message.id, BOB, state) for state in (DELIVERED, DELIVERED, READ, READ)]

    outcomes = await storage.deliveries.advance_all(reports, LATER)

    assert [(DELIVERED, True), (DELIVERED, False), (READ, True), (READ, False)] == changes(outcomes)
    stored = await advanced(storage, message.id, BOB, DELIVERED)
    assert (READ, LATER, False) == (
        stored.status.status,
        stored.status.timestamp,
        stored.changed,
    )


async def test_advance_all_does_not_go_back_when_delivered_follows_read(storage: Storage) -> None:
    """A report of DELIVERED changes nothing after READ, even within a batch."""
    message = await sent(storage)
    reports = [Report(message.id, BOB, state) for state in (READ, DELIVERED)]

    outcomes = await storage.deliveries.advance_all(reports, LATER)

    assert [(READ, True), (READ, False)] == changes(outcomes)
    bob, _ = (await storage.deliveries.statuses(message.id, ALICE)).statuses
    assert (BOB, READ) == (bob.recipient_id, bob.status)


async def test_advance_all_reports_each_change_once_when_batches_run_in_opposite_order(
    storage: Storage,
) -> None:
    """Concurrent batches for the same messages do not deadlock.

    If two devices of a recipient report the same state, only one report changes it.
    """
    messages = [await sent(storage) for _ in range(20)]
    ids = [message.id for message in messages]
    batches = [
        [Report(message_id, user_id, state) for message_id in order]
        for state in (DELIVERED, READ)
        for user_id, order in ((BOB, ids), (CAROL, ids[::-1]), (BOB, ids[::-1]))
    ]

    outcomes = await asyncio.gather(
        *(storage.deliveries.advance_all(batch, LATER) for batch in batches)
    )

    changed = [
        (outcome.status.message_id, outcome.status.recipient_id, outcome.status.status)
        for batch in outcomes
        for outcome in batch
        if isinstance(outcome, Advance) and outcome.changed
    ]
    assert len(set(changed)) == len(changed)
    assert {(message_id, user_id, READ) for message_id in ids for user_id in (BOB, CAROL)} <= set(
        changed
    )
    assert [READ] * len(ids) == [await own_state(storage, message) for message in messages]


async def test_the_message_is_read_when_a_thousand_recipients_report_in_four_batches(
    storage: Storage,
) -> None:
    """The message is SENT until the last recipient has read it."""
    recipients = [UserId(f"user_{number:04}") for number in range(1_000)]
    await storage.channels.seed({user_id: [GENERAL] for user_id in recipients})
    message = await sent(storage)
    reports = [Report(message.id, user_id, READ) for user_id in (*recipients, BOB, CAROL)]
    states = []

    for start in range(0, len(reports), BATCH):
        outcomes = await storage.deliveries.advance_all(reports[start : start + BATCH], LATER)
        assert {(READ, True)} == set(changes(outcomes))
        states.append(await own_state(storage, message))

    assert [SENT, SENT, SENT, READ] == states
    assert {} == (await storage.deliveries.undelivered_counts(recipients[0])).channels


async def test_nothing_is_undelivered_when_a_batch_closes_gaps_on_both_sides(
    storage: Storage,
) -> None:
    """The second batch reports the messages before, between and after those of the first."""
    messages = [await sent(storage) for _ in range(5)]
    between, others = messages[1::2], messages[::2]
    await storage.deliveries.advance_all([Report(each.id, BOB, READ) for each in between], LATER)

    await storage.deliveries.advance_all([Report(each.id, BOB, READ) for each in others], LATER)

    assert {} == (await storage.deliveries.undelivered_counts(BOB)).channels
    following = await sent(storage)
    page = await storage.deliveries.undelivered(BOB, after=0, limit=10)
    assert [following.id] == [each.id for each in page.messages]
