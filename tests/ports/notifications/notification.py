"""Notifications and their store."""

from datetime import UTC, datetime
from enum import Enum
from uuid import UUID, uuid4

from pydantic import BaseModel, Field


class Topic(Enum):
    """What a notification is about."""

    ORDER = "order"
    PRICE = "price"


class Notification(BaseModel):
    """A notification for one user."""

    id: UUID = Field(default_factory=uuid4)
    user: str
    topic: Topic
    text: str
    created_at: datetime = Field(default_factory=lambda: datetime.now(UTC))
    link: str | None = None
    read: bool = False
    pushed: bool = False


class CreateNotificationDto(BaseModel):
    """A request of another service to notify some users."""

    users: list[str] = Field(min_length=1)
    topic: Topic
    text: str = Field(max_length=100)
    delay_ms: int | None = Field(default=None, gt=0)


class NotificationStore:
    """Keeps notifications in memory."""

    def __init__(self) -> None:
        self._all: dict[UUID, Notification] = {}

    def add(self, notification: Notification) -> None:
        self._all[notification.id] = notification

    def unread_of(self, user: str) -> list[Notification]:
        return [each for each in self._all.values() if each.user == user and not each.read]

    def of_topic(self, user: str, topic: Topic) -> list[Notification]:
        return [each for each in self._all.values() if (each.user, each.topic) == (user, topic)]

    def mark_read(self, user: str, ids: list[UUID]) -> int:
        """Mark some of a user's notifications as read; return the number of unread ones."""
        for each in self.unread_of(user):
            each.read = each.id in ids
        return len(self.unread_of(user))
