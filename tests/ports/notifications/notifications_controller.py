"""The REST interface for other services."""

from typing import Annotated

from app.framework import (
    Body,
    ConflictException,
    FieldError,
    HttpResponse,
    NotFoundException,
    Param,
    ParseArrayPipe,
    Query,
    Res,
    ValidationPipe,
    controller,
    delete,
    get,
    http_code,
    post,
    use_guards,
    use_pipes,
)
from tests.ports.notifications.monitor_gateway import ApiKeyGuard
from tests.ports.notifications.notification import CreateNotificationDto, NotificationStore
from tests.ports.notifications.notifications_service import NotificationsService


def _conflict(errors: tuple[FieldError, ...]) -> ConflictException:
    return ConflictException({"message": "cannot notify", "fields": len(errors)})


@controller("notifications")
@use_guards(ApiKeyGuard)
class NotificationsController:
    """Creates, schedules and counts notifications."""

    def __init__(self, notifications: NotificationsService, store: NotificationStore) -> None:
        self._notifications = notifications
        self._store = store

    @post()
    @http_code(202)
    @use_pipes(ValidationPipe(exception_factory=_conflict))
    async def create(
        self,
        dto: Annotated[CreateNotificationDto, Body()],
        response: Annotated[HttpResponse, Res()],
    ) -> list[str]:
        created = await self._notifications.create(dto)
        response.set_header("X-Scheduled", str(len(self._notifications.scheduled())))
        return [str(each.id) for each in created]

    @get("unread")
    def unread(
        self, users: Annotated[list[str], Query("users", ParseArrayPipe(items=str))]
    ) -> dict[str, int]:
        return {user: len(self._store.unread_of(user)) for user in users}

    @delete("scheduled/{id}")
    @http_code(204)
    def cancel(self, notification_id: Annotated[str, Param("id")]) -> None:
        try:
            self._notifications.cancel(notification_id)
        except LookupError:
            raise NotFoundException("It is not scheduled") from None
