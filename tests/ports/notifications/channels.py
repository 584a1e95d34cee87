"""The channels for users without an open page. A user chooses one."""

from typing import Protocol, runtime_checkable

from app.framework.config import ConfigService
from tests.ports.notifications.notification import Notification
from tests.ports.notifications.settings import NotificationSettings


@runtime_checkable
class Channel(Protocol):
    """Sends a notification to a user without an open page."""

    async def send(self, notification: Notification) -> None: ...


class Outbox:
    """The messages that a channel has sent. Each channel has its own outbox."""

    def __init__(self) -> None:
        self.messages: list[str] = []


class EmailChannel(Channel):
    """Sends e-mail."""

    def __init__(self, config: ConfigService[NotificationSettings], outbox: Outbox) -> None:
        self._sender = config.get("mail.sender", str)
        self.outbox = outbox

    async def send(self, notification: Notification) -> None:
        self.outbox.messages.append(f"{self._sender} to {notification.user}: {notification.text}")


class SmsChannel(Channel):
    """Sends short messages."""

    def __init__(self, outbox: Outbox) -> None:
        self.outbox = outbox

    async def send(self, notification: Notification) -> None:
        self.outbox.messages.append(f"{notification.user}: {notification.text}")


CHANNELS: dict[str, type[Channel]] = {"email": EmailChannel, "sms": SmsChannel}
