import pytest

from app.adapters.memory.manual_clock import ManualClock
from app.adapters.memory.memory_delivery_repository import MemoryDeliveryRepository
from app.adapters.memory.memory_message_repository import MemoryMessageRepository
from app.adapters.memory.recording_broadcaster import Publication, RecordingBroadcaster
from app.domain.delivery import DeliveryState, DeliveryStatus
from app.domain.errors import MessageNotFound, NotARecipient
from app.domain.events import ServerEvent
from app.domain.ids import MessageId
from app.domain.message import Message, MessageDraft
from app.framework.eager import EagerTasks
from app.ports import StoredMessage
from app.services.delivery_service import DeliveryService
from tests.unit.services.people import ALICE, BOB, CAROL, DAVE, GENERAL


@pytest.fixture
def service(
    deliveries: MemoryDeliveryRepository,
    broadcaster: RecordingBroadcaster,
    clock: ManualClock,
    starter: EagerTasks,
) -> DeliveryService:
    """The service under test."""
    return DeliveryService(deliveries, broadcaster, clock, starter, writers=2)


@pytest.fixture
async def message(messages: MemoryMessageRepository, clock: ManualClock) -> Message:
    """Alice's message to Bob and Carol."""
    draft = MessageDraft(MessageId("m1"), GENERAL, ALICE, "hello", None)
    (stored,) = await messages.add_all([draft], clock.now())
    assert isinstance(stored, StoredMessage)
    return stored.message


def bobs(message: Message, state: DeliveryState, clock: ManualClock) -> DeliveryStatus:
    """Bob's status as of now."""
    return DeliveryStatus(
        message_id=message.id, recipient_id=BOB, status=state, timestamp=clock.now()
    )


async def test_author_hears_once_when_a_recipient_reports_delivery_twice(
    service: DeliveryService,
    broadcaster: RecordingBroadcaster,
    message: Message,
    clock: ManualClock,
) -> None:
    """A repeated report is answered with what stands, and told to nobody."""
    expected = bobs(message, DeliveryState.DELIVERED, clock)

    first = await service.delivered(BOB, message.id)
    clock.advance(1)
    second = await service.delivered(BOB, message.id)

    assert expected == first == second
    told = Publication("user:user_alice", ServerEvent.MESSAGE_DELIVERED, expected)
    assert [told] == broadcaster.published


async def test_author_hears_of_reading_when_delivery_was_never_reported(
    service: DeliveryService,
    broadcaster: RecordingBroadcaster,
    message: Message,
    clock: ManualClock,
) -> None:
    """Seen says delivered, too; a late report of delivery takes nothing back."""
    read = await service.seen(BOB, message.id)

    late = await service.delivered(BOB, message.id)

    expected = bobs(message, DeliveryState.READ, clock)
    assert expected == read == late
    told = Publication("user:user_alice", ServerEvent.MESSAGE_SEEN, expected)
    assert [told] == broadcaster.published


async def test_report_is_refused_when_the_reporter_is_no_recipient(
    service: DeliveryService, broadcaster: RecordingBroadcaster, message: Message
) -> None:
    """The author is none; to a stranger the message does not exist."""
    for report in (service.delivered, service.seen):
        with pytest.raises(NotARecipient):
            await report(ALICE, message.id)
        with pytest.raises(MessageNotFound):
            await report(DAVE, message.id)

    assert [] == broadcaster.published


async def test_statuses_name_every_recipient_when_a_member_asks(
    service: DeliveryService, message: Message
) -> None:
    """Who has acknowledged, and who is pending."""
    await service.seen(CAROL, message.id)

    statuses = await service.statuses(ALICE, message.id)

    expected = [(BOB, DeliveryState.SENT), (CAROL, DeliveryState.READ)]
    assert expected == [(status.recipient_id, status.status) for status in statuses]


async def test_shutdown_is_harmless_when_nothing_is_going_on(service: DeliveryService) -> None:
    """There is nothing to wait for."""
    await service.on_application_shutdown(None)
