from app.adapters.memory.manual_clock import DEFAULT_START as NOW
from app.adapters.memory.memory_channel_repository import MemoryChannelRepository
from app.adapters.memory.memory_delivery_repository import MemoryDeliveryRepository
from app.adapters.memory.memory_message_repository import MemoryMessageRepository
from app.adapters.memory.memory_store import MemoryStore
from app.domain.delivery import DeliveryState
from app.domain.ids import ChannelId, MessageId, UserId
from app.domain.message import MessageDraft

ALICE, BOB, CAROL = UserId("user_alice"), UserId("user_bob"), UserId("user_carol")
GENERAL = ChannelId("general")


async def test_the_indexes_are_empty_when_everything_is_delivered_or_deleted() -> None:
    """No index keeps what no longer waits."""
    store = MemoryStore()
    messages, deliveries = MemoryMessageRepository(store), MemoryDeliveryRepository(store)
    await MemoryChannelRepository(store).seed({ALICE: [GENERAL], BOB: [GENERAL], CAROL: [GENERAL]})
    for message_id in (MessageId("1"), MessageId("2"), MessageId("3")):
        await messages.add(MessageDraft(message_id, GENERAL, ALICE, "hello", None), NOW)

    await deliveries.advance(MessageId("2"), BOB, DeliveryState.READ, NOW)
    await deliveries.advance(MessageId("2"), CAROL, DeliveryState.DELIVERED, NOW)
    await deliveries.advance(MessageId("1"), BOB, DeliveryState.DELIVERED, NOW)
    await messages.delete(MessageId("1"), ALICE)
    await messages.delete(MessageId("3"), ALICE)

    assert {} == store.undelivered
    assert [MessageId("2")] == list(store.messages)
    assert [MessageId("2")] == [row.message.id for row in store.channels[GENERAL].messages]
