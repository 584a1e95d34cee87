import asyncio
from collections.abc import Sequence
from datetime import datetime

import pytest

from app.adapters.memory.delivery_repository import MemoryDeliveryRepository
from app.adapters.memory.message_repository import MemoryMessageRepository
from app.adapters.memory.store import MemoryStore
from app.domain.delivery import DeliveryState, DeliveryStatus
from app.domain.errors import InvalidPayload, MessageNotFound, NotARecipient, Unconfirmed
from app.domain.events import ServerEvent
from app.domain.ids import MessageId
from app.domain.message import Message, MessageDraft
from app.ports import AdvanceOutcome, Report, StoredMessage
from app.services.delivery_service import MAX_UNCONFIRMED, DeliveryService
from tests.doubles.manual_clock import ManualClock
from tests.doubles.recording_broadcaster import Publication, RecordingBroadcaster
from tests.unit.services.people import ALICE, BOB, CAROL, DAVE, GENERAL


class LosingDeliveries(MemoryDeliveryRepository):
    """Raises `Unconfirmed` if ``losing`` is true, but stores the reports if ``stores`` is true."""

    losing = False
    stores = True

    def __init__(self, store: MemoryStore) -> None:
        super().__init__(store)
        self.batches: list[int] = []

    async def advance_all(
        self, reports: Sequence[Report], now: datetime
    ) -> Sequence[AdvanceOutcome]:
        self.batches.append(len(reports))
        if not self.losing:
            return await super().advance_all(reports, now)
        if self.stores:
            await super().advance_all(reports, now)
        raise Unconfirmed


@pytest.fixture
def deliveries(store: MemoryStore) -> LosingDeliveries:
    return LosingDeliveries(store)


@pytest.fixture
def service(
    deliveries: LosingDeliveries,
    broadcaster: RecordingBroadcaster,
    clock: ManualClock,
    store: MemoryStore,
) -> DeliveryService:
    return DeliveryService(deliveries, broadcaster, clock, store)


@pytest.fixture
async def message(messages: MemoryMessageRepository, clock: ManualClock) -> Message:
    """A message of Alice to Bob and Carol."""
    draft = MessageDraft(MessageId("m1"), GENERAL, ALICE, "hello", None)
    (stored,) = await messages.add_all([draft], clock.now())
    assert isinstance(stored, StoredMessage)
    return stored.message


def bobs(message: Message, state: DeliveryState, clock: ManualClock) -> DeliveryStatus:
    return DeliveryStatus(
        message_id=message.id, recipient_id=BOB, status=state, timestamp=clock.now()
    )


async def test_author_is_notified_once_when_a_recipient_reports_delivery_twice(
    service: DeliveryService,
    broadcaster: RecordingBroadcaster,
    message: Message,
    clock: ManualClock,
) -> None:
    """The repeated report returns the same status, and is not published."""
    expected = bobs(message, DeliveryState.DELIVERED, clock)

    first = await service.delivered(BOB, message.id)
    clock.advance(1)
    second = await service.delivered(BOB, message.id)

    assert expected == first == second
    published = Publication("user:user_alice", ServerEvent.MESSAGE_DELIVERED, expected)
    assert [published] == broadcaster.published


async def test_author_is_notified_of_reading_when_delivery_was_never_reported(
    service: DeliveryService,
    broadcaster: RecordingBroadcaster,
    message: Message,
    clock: ManualClock,
) -> None:
    """A report of delivery after READ does not change the status."""
    read = await service.seen(BOB, message.id)

    late = await service.delivered(BOB, message.id)

    expected = bobs(message, DeliveryState.READ, clock)
    assert expected == read == late
    published = Publication("user:user_alice", ServerEvent.MESSAGE_SEEN, expected)
    assert [published] == broadcaster.published


async def test_report_is_refused_when_the_reporter_is_no_recipient(
    service: DeliveryService, broadcaster: RecordingBroadcaster, message: Message
) -> None:
    """The author is no recipient. Strangers do not learn whether the message exists."""
    for report in (service.delivered, service.seen):
        with pytest.raises(NotARecipient):
            await report(ALICE, message.id)
        with pytest.raises(MessageNotFound):
            await report(DAVE, message.id)

    assert [] == broadcaster.published


async def test_author_is_not_notified_when_they_have_left_the_channel(
    service: DeliveryService,
    store: MemoryStore,
    broadcaster: RecordingBroadcaster,
    message: Message,
    clock: ManualClock,
) -> None:
    """The report is stored, but the message's author is not notified."""
    store.leave(GENERAL, ALICE)

    status = await service.delivered(BOB, message.id)

    assert bobs(message, DeliveryState.DELIVERED, clock) == status
    assert [] == broadcaster.published


async def test_author_is_notified_once_when_a_report_is_repeated_that_was_not_confirmed(
    service: DeliveryService,
    deliveries: LosingDeliveries,
    broadcaster: RecordingBroadcaster,
    message: Message,
    clock: ManualClock,
) -> None:
    """The first report is stored but not published, so the second one publishes it."""
    expected = bobs(message, DeliveryState.DELIVERED, clock)
    deliveries.losing = True
    with pytest.raises(Unconfirmed):
        await service.delivered(BOB, message.id)
    deliveries.losing = False

    repeated = [await service.delivered(BOB, message.id) for _ in range(2)]

    assert [expected, expected] == repeated
    published = Publication("user:user_alice", ServerEvent.MESSAGE_DELIVERED, expected)
    assert [published] == broadcaster.published


async def test_author_is_notified_of_reading_alone_when_neither_report_was_confirmed(
    service: DeliveryService,
    deliveries: LosingDeliveries,
    broadcaster: RecordingBroadcaster,
    message: Message,
) -> None:
    """After both reports are repeated, READ is published, and DELIVERED is not."""
    deliveries.losing = True
    for report in (service.delivered, service.seen):
        with pytest.raises(Unconfirmed):
            await report(BOB, message.id)
    deliveries.losing = False

    for report in (service.delivered, service.seen):
        await report(BOB, message.id)

    assert [ServerEvent.MESSAGE_SEEN] == [each.event for each in broadcaster.published]


async def test_author_is_notified_once_when_what_was_published_is_reported_without_a_confirmation(
    service: DeliveryService,
    deliveries: LosingDeliveries,
    broadcaster: RecordingBroadcaster,
    message: Message,
    clock: ManualClock,
) -> None:
    """A second device repeats the report, but the commit of this report is not confirmed."""
    await service.delivered(BOB, message.id)
    clock.advance(1)
    deliveries.losing = True
    with pytest.raises(Unconfirmed):
        await service.delivered(BOB, message.id)
    deliveries.losing = False

    await service.delivered(BOB, message.id)

    assert [ServerEvent.MESSAGE_DELIVERED] == [each.event for each in broadcaster.published]


async def test_author_is_notified_once_when_the_unconfirmed_report_was_not_stored(
    service: DeliveryService,
    deliveries: LosingDeliveries,
    broadcaster: RecordingBroadcaster,
    message: Message,
) -> None:
    """The second report stores and publishes the change. The third report changes nothing."""
    deliveries.losing, deliveries.stores = True, False
    with pytest.raises(Unconfirmed):
        await service.delivered(BOB, message.id)
    deliveries.losing = False

    for _ in range(2):
        await service.delivered(BOB, message.id)

    assert [ServerEvent.MESSAGE_DELIVERED] == [each.event for each in broadcaster.published]


async def test_oldest_report_is_forgotten_when_too_many_were_not_confirmed(
    service: DeliveryService,
    deliveries: LosingDeliveries,
    broadcaster: RecordingBroadcaster,
    message: Message,
) -> None:
    """Memory is bounded, and the author can still request the status."""
    deliveries.losing = True
    bobs_and_others = (message.id, *(MessageId(f"other-{each}") for each in range(MAX_UNCONFIRMED)))
    for message_id in bobs_and_others:
        with pytest.raises(Unconfirmed):
            await service.delivered(BOB, message_id)
        deliveries.stores = False
    deliveries.losing = False

    await service.delivered(BOB, message.id)

    assert [] == broadcaster.published


async def sent(messages: MemoryMessageRepository, clock: ManualClock, *ids: str) -> list[MessageId]:
    """Store messages of Alice in the channel `general`, and return their ids."""
    drafts = [MessageDraft(MessageId(each), GENERAL, ALICE, "hello", None) for each in ids]
    await messages.add_all(drafts, clock.now())
    return [draft.id for draft in drafts]


@pytest.mark.parametrize(
    ("state", "event"),
    [
        (DeliveryState.DELIVERED, ServerEvent.MESSAGE_DELIVERED),
        (DeliveryState.READ, ServerEvent.MESSAGE_SEEN),
    ],
)
async def test_author_is_notified_of_each_that_changed_when_a_recipient_reports_a_list(
    service: DeliveryService,
    deliveries: LosingDeliveries,
    messages: MemoryMessageRepository,
    broadcaster: RecordingBroadcaster,
    clock: ManualClock,
    state: DeliveryState,
    event: ServerEvent,
) -> None:
    """The list is stored in one transaction. The ack has the order of the request."""
    ids = (await sent(messages, clock, "m1", "m2", "m3"))[::-1]
    report = service.all_delivered if state is DeliveryState.DELIVERED else service.all_seen
    await report(BOB, ids[1:2])

    first, second = [await report(BOB, ids) for _ in range(2)]

    statuses = tuple(DeliveryStatus(each, BOB, state, clock.now()) for each in ids)
    assert {"data": statuses} == first == second
    expected = [(event, "m2"), (event, "m3"), (event, "m1")]
    assert expected == [
        (each.event, each.payload.message_id)
        for each in broadcaster.published
        if isinstance(each.payload, DeliveryStatus)
    ]
    assert [1, 3, 3] == deliveries.batches


async def test_list_is_marked_but_for_what_is_refused_when_some_are_not_the_recipients(
    service: DeliveryService, messages: MemoryMessageRepository, clock: ManualClock
) -> None:
    first, deleted, last = await sent(messages, clock, "m1", "m2", "m3")
    await messages.delete(deleted, ALICE)
    own = MessageDraft(MessageId("own"), GENERAL, BOB, "hello", None)
    await messages.add_all([own], clock.now())

    answer = await service.all_seen(BOB, [first, deleted, own.id, last])

    assert [first, last] == [each.message_id for each in answer["data"]]
    assert [
        (deleted, "message_not_found", "There is no such message."),
        (own.id, "not_a_recipient", "You are not a recipient of this message."),
    ] == [(each.message_id, each.code, each.error) for each in answer["refused"]]
    states = (await service.statuses(ALICE, last, 1, None)).statuses
    assert (BOB, DeliveryState.READ) == (states[0].recipient_id, states[0].status)


async def test_author_is_notified_once_when_an_unconfirmed_list_is_reported_again(
    service: DeliveryService,
    deliveries: LosingDeliveries,
    messages: MemoryMessageRepository,
    broadcaster: RecordingBroadcaster,
    clock: ManualClock,
) -> None:
    """The first report of the list is stored, but not published."""
    ids = await sent(messages, clock, "m1", "m2")
    deliveries.losing = True
    with pytest.raises(Unconfirmed):
        await service.all_delivered(BOB, ids)
    deliveries.losing = False

    for _ in range(2):
        await service.all_delivered(BOB, ids)

    assert [ServerEvent.MESSAGE_DELIVERED] * 2 == [each.event for each in broadcaster.published]


class HeldBackDeliveries(MemoryDeliveryRepository):
    """Stores reports at once. For reports of delivery, returns only after `may_return` is set."""

    def __init__(self, store: MemoryStore) -> None:
        super().__init__(store)
        self.stored = asyncio.Event()
        self.may_return = asyncio.Event()

    async def advance_all(
        self, reports: Sequence[Report], now: datetime
    ) -> Sequence[AdvanceOutcome]:
        outcomes = await super().advance_all(reports, now)
        if any(report.state is DeliveryState.DELIVERED for report in reports):
            self.stored.set()
            await self.may_return.wait()
        return outcomes


async def test_author_is_not_notified_of_delivery_after_reading_when_a_list_is_overtaken(
    store: MemoryStore,
    broadcaster: RecordingBroadcaster,
    clock: ManualClock,
    message: Message,
) -> None:
    """The phone's DELIVERED is stored first, but the laptop's READ is published first."""
    store.writers = 2
    deliveries = HeldBackDeliveries(store)
    service = DeliveryService(deliveries, broadcaster, clock, store)
    phone = asyncio.create_task(service.all_delivered(BOB, [message.id]))
    await deliveries.stored.wait()

    await service.seen(BOB, message.id)
    deliveries.may_return.set()
    await phone

    assert [ServerEvent.MESSAGE_SEEN] == [each.event for each in broadcaster.published]


async def test_author_is_not_notified_of_delivery_when_another_node_has_published_read(
    service: DeliveryService, broadcaster: RecordingBroadcaster, message: Message
) -> None:
    service.receive(message.id, BOB, DeliveryState.READ)

    await service.delivered(BOB, message.id)
    await service.delivered(CAROL, message.id)

    published = [each.payload for each in broadcaster.published]
    assert [CAROL] == [each.recipient_id for each in published if isinstance(each, DeliveryStatus)]


async def test_delivery_on_another_node_is_out_of_date_when_this_node_has_published_read(
    service: DeliveryService, message: Message
) -> None:
    await service.seen(BOB, message.id)

    is_current = [
        service.receive(message.id, user_id, DeliveryState.DELIVERED) for user_id in (BOB, CAROL)
    ]

    assert [False, True] == is_current


async def test_statuses_name_every_recipient_when_a_member_asks(
    service: DeliveryService, message: Message
) -> None:
    """Recipients without a report are SENT."""
    await service.seen(CAROL, message.id)

    page = await service.statuses(ALICE, message.id, 2, None)

    expected = [(BOB, DeliveryState.SENT), (CAROL, DeliveryState.READ)]
    assert expected == [(status.recipient_id, status.status) for status in page.statuses]
    assert (None, None) == (page.next_cursor, page.counts)


async def test_statuses_are_paged_with_counts_when_there_are_more_than_asked_for(
    service: DeliveryService, message: Message
) -> None:
    """Both pages have counts for every status, including those that no recipient has."""
    await service.seen(CAROL, message.id)

    first = await service.statuses(ALICE, message.id, 1, None)
    second = await service.statuses(ALICE, message.id, 1, first.next_cursor)

    counts = {DeliveryState.SENT: 1, DeliveryState.DELIVERED: 0, DeliveryState.READ: 1}
    pages = [[status.recipient_id for status in page.statuses] for page in (first, second)]
    assert [[BOB], [CAROL]] == pages
    assert (None, counts, counts) == (second.next_cursor, first.counts, second.counts)


async def test_statuses_are_refused_when_the_cursor_was_not_made_here(
    service: DeliveryService, message: Message
) -> None:
    """The error names the field of the cursor."""
    with pytest.raises(InvalidPayload) as caught:
        await service.statuses(ALICE, message.id, 1, "nonsense")

    assert "cursor" == caught.value.path


async def test_report_is_stored_when_the_service_shuts_down_meanwhile(
    store: MemoryStore,
    broadcaster: RecordingBroadcaster,
    clock: ManualClock,
    message: Message,
) -> None:
    """The shutdown waits until the report has been published."""
    deliveries = HeldBackDeliveries(store)
    service = DeliveryService(deliveries, broadcaster, clock, store)
    report = asyncio.create_task(service.delivered(BOB, message.id))
    await deliveries.stored.wait()

    shutdown = asyncio.create_task(service.on_application_shutdown(None))
    await asyncio.sleep(0)
    was_waiting = not shutdown.done()
    deliveries.may_return.set()
    await shutdown

    assert was_waiting
    assert [ServerEvent.MESSAGE_DELIVERED] == [each.event for each in broadcaster.published]
    assert bobs(message, DeliveryState.DELIVERED, clock) == await report
