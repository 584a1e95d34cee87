"""Helpers that send a message, report its delivery, and read its state."""

from datetime import datetime

from app.domain.delivery import DeliveryState
from app.domain.ids import ChannelId, MessageId, UserId
from app.domain.message import Message
from app.ports import Advance, AdvanceOutcome, Report
from tests.contract.storage import ALICE, GENERAL, Storage, add, draft
from tests.doubles.manual_clock import DEFAULT_START as NOW


async def sent(
    storage: Storage, user_id: UserId = ALICE, channel_id: ChannelId = GENERAL
) -> Message:
    return await add(storage, draft(user_id, channel_id))


async def reported(
    storage: Storage,
    message_id: MessageId,
    recipient_id: UserId,
    state: DeliveryState,
    now: datetime = NOW,
) -> AdvanceOutcome:
    (outcome,) = await storage.deliveries.advance_all(
        [Report(message_id, recipient_id, state)], now
    )
    return outcome


async def advanced(
    storage: Storage,
    message_id: MessageId,
    recipient_id: UserId,
    state: DeliveryState,
    now: datetime = NOW,
) -> Advance:
    """Report a delivery state, and return the outcome. Fails the test if the report is refused."""
    outcome = await reported(storage, message_id, recipient_id, state, now)
    assert isinstance(outcome, Advance)
    return outcome


async def own_state(storage: Storage, message: Message) -> DeliveryState:
    """Return the delivery state that is stored in the row of the message."""
    (read,) = await storage.messages.stored_after(message.channel_id, message.seq - 1, 1)
    return read.delivery_status
