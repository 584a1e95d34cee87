"""Deliveries in memory."""

from bisect import bisect_right
from collections.abc import Iterator
from datetime import datetime
from heapq import merge
from itertools import islice

from app.adapters.memory.memory_store import DeliveryRow, MemoryStore, position_of
from app.domain.delivery import DeliveryState, DeliveryStatus, overall_state
from app.domain.errors import NotARecipient
from app.domain.ids import ChannelId, MessageId, UserId
from app.ports import Advance, DeliveryRepository, UndeliveredPage


class MemoryDeliveryRepository(DeliveryRepository):
    """Deliveries by message, and the undelivered ones by recipient and channel."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    async def advance(
        self, message_id: MessageId, recipient_id: UserId, state: DeliveryState, now: datetime
    ) -> Advance:
        """Move a recipient forward, and the message's own state with it."""
        row = self._store.message_for(message_id, recipient_id)
        delivery = row.deliveries.get(recipient_id)
        if delivery is None:
            raise NotARecipient
        before = delivery.status.status
        if not before.may_become(state):
            return Advance(delivery.status, row.message.user_id, changed=False)
        if before is DeliveryState.SENT:
            self._store.remove_undelivered(delivery)
        delivery.status = delivery.status.model_copy(update={"status": state, "timestamp": now})
        row.states[before] -= 1
        row.states[state] += 1
        overall = overall_state([reached for reached, count in row.states.items() if count])
        row.message = row.message.model_copy(update={"delivery_status": overall})
        return Advance(delivery.status, row.message.user_id, changed=True)

    async def statuses(
        self, message_id: MessageId, reader_id: UserId
    ) -> tuple[DeliveryStatus, ...]:
        """Every recipient's progress, sorted by recipient."""
        deliveries = self._store.message_for(message_id, reader_id).deliveries
        return tuple(deliveries[recipient_id].status for recipient_id in sorted(deliveries))

    async def undelivered_counts(self, user_id: UserId) -> dict[ChannelId, int]:
        """How many messages wait for the user, by channel."""
        return {channel_id: len(pending) for channel_id, pending in self._pending(user_id)}

    async def undelivered(self, user_id: UserId, after: int, limit: int) -> UndeliveredPage:
        """The first ``limit`` of them after a position."""
        stretches: list[list[DeliveryRow]] = []
        for _, pending in self._pending(user_id):
            start = bisect_right(pending, after, key=position_of)
            stretches.append(pending[start : start + limit])
        page = list(islice(merge(*stretches, key=position_of), limit))
        return UndeliveredPage(
            messages=tuple(delivery.message.message for delivery in page),
            positions=tuple(delivery.position for delivery in page),
        )

    def _pending(self, user_id: UserId) -> Iterator[tuple[ChannelId, list[DeliveryRow]]]:
        for channel_id, pending in self._store.undelivered.get(user_id, {}).items():
            if self._store.is_member(channel_id, user_id):
                yield channel_id, pending
