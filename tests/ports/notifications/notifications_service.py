"""Creates, schedules and delivers notifications."""

from functools import partial

import structlog

from app.framework import ModuleRef
from app.framework.event_emitter import EventEmitter2
from app.framework.schedule import SchedulerRegistry
from tests.ports.notifications.channels import CHANNELS
from tests.ports.notifications.notification import (
    CreateNotificationDto,
    Notification,
    NotificationStore,
)

_log = structlog.stdlib.get_logger("NotificationsService")


class NotificationsService:
    """Delivers notifications to open pages, or else by the channel that the user has chosen."""

    def __init__(
        self,
        store: NotificationStore,
        events: EventEmitter2,
        jobs: SchedulerRegistry,
        module_ref: ModuleRef,
    ) -> None:
        self._store = store
        self._events = events
        self._jobs = jobs
        self._module_ref = module_ref
        self.channel_of: dict[str, str] = {}

    async def create(self, dto: CreateNotificationDto) -> list[Notification]:
        """Deliver a notification to each user now, or after the delay."""
        created = [Notification(user=user, topic=dto.topic, text=dto.text) for user in dto.users]
        for each in created:
            if dto.delay_ms is None:
                await self.deliver(each)
            else:
                self._jobs.add_timeout(str(each.id), dto.delay_ms, partial(self.deliver, each))
        return created

    async def deliver(self, notification: Notification) -> None:
        self._store.add(notification)
        event = f"notification.{notification.topic.value}"
        notification.pushed = any(await self._events.emit_async(event, notification))
        if not notification.pushed:
            channel = CHANNELS[self.channel_of.get(notification.user, "email")]
            await self._module_ref.get(channel).send(notification)

    def scheduled(self) -> list[str]:
        return self._jobs.get_timeouts()

    def cancel(self, notification_id: str) -> None:
        self._jobs.delete_timeout(notification_id)
