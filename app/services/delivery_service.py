"""Delivery receipts: recipients report, authors hear of it."""

from functools import partial

from app.domain.delivery import DeliveryState, DeliveryStatus
from app.domain.events import ServerEvent
from app.domain.ids import MessageId, UserId
from app.domain.rooms import user_room
from app.ports import Broadcaster, Clock, DeliveryRepository, EagerStarter
from app.services.ordered_work import DRAIN_TIMEOUT_SECONDS, OrderedWork


class DeliveryService:
    """How far messages have come.

    The author is told after the commit and before the recipient is answered, only of changes, and
    of one recipient's changes in their order: never of READ before DELIVERED.
    """

    def __init__(
        self,
        deliveries: DeliveryRepository,
        broadcaster: Broadcaster,
        clock: Clock,
        starter: EagerStarter,
    ) -> None:
        self._deliveries = deliveries
        self._broadcaster = broadcaster
        self._clock = clock
        self._reports = OrderedWork(starter)

    async def delivered(self, user_id: UserId, message_id: MessageId) -> DeliveryStatus:
        """The user has received the message. Returns where it stands, READ if it was read before.

        Raises:
            MessageNotFound: Missing, or in a channel that is not the user's.
            NotARecipient: It was not sent to the user.
            Unavailable: Nothing was recorded.
        """
        return await self._report(
            user_id, message_id, DeliveryState.DELIVERED, ServerEvent.MESSAGE_DELIVERED
        )

    async def seen(self, user_id: UserId, message_id: MessageId) -> DeliveryStatus:
        """The user has read the message, which says that it was delivered, too.

        Raises:
            MessageNotFound: Missing, or in a channel that is not the user's.
            NotARecipient: It was not sent to the user.
            Unavailable: Nothing was recorded.
        """
        return await self._report(user_id, message_id, DeliveryState.READ, ServerEvent.MESSAGE_SEEN)

    async def statuses(self, user_id: UserId, message_id: MessageId) -> tuple[DeliveryStatus, ...]:
        """Where the message stands with each of its recipients, sorted by recipient.

        Raises:
            MessageNotFound: Missing, or in a channel that is not the user's.
            Unavailable: It cannot be known now.
        """
        return await self._deliveries.statuses(message_id, user_id)

    async def on_application_shutdown(self, _signal: str | None) -> None:
        """Let what was begun reach the store; the servers are closed by now, so nothing begins."""
        await self._reports.drain(DRAIN_TIMEOUT_SECONDS)

    async def _report(
        self, user_id: UserId, message_id: MessageId, state: DeliveryState, event: ServerEvent
    ) -> DeliveryStatus:
        return await self._reports.run(
            (message_id, user_id), partial(self._advance, user_id, message_id, state, event)
        )

    async def _advance(
        self, user_id: UserId, message_id: MessageId, state: DeliveryState, event: ServerEvent
    ) -> DeliveryStatus:
        advance = await self._deliveries.advance(message_id, user_id, state, self._clock.now())
        if advance.changed:
            self._broadcaster.publish(user_room(advance.author_id), event, advance.status)
        return advance.status
