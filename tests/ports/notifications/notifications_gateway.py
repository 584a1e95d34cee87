"""The events of open pages."""

from http.cookies import SimpleCookie
from typing import Annotated
from uuid import UUID

from app.framework import (
    AckTimeoutError,
    ConnectedSocket,
    Cors,
    MessageBody,
    ParseArrayPipe,
    ParseEnumPipe,
    Server,
    Socket,
    WebSocketServer,
    WsException,
    create_param_decorator,
    subscribe_message,
    web_socket_gateway,
)
from app.framework.config import ConfigService
from app.framework.event_emitter import on_event
from app.framework.schedule import cron
from tests.ports.notifications.notification import Notification, NotificationStore, Topic
from tests.ports.notifications.sessions import Sessions
from tests.ports.notifications.settings import NotificationSettings

UserId = create_param_decorator(lambda _, context: context.get_client().data["user"])
Client = Annotated[Socket, ConnectedSocket()]
User = Annotated[str, UserId()]

MUTED = "muted"


@web_socket_gateway(namespace="notifications", path="/live", cors=Cors(["https://shop.example"]))
class NotificationsGateway:
    """A page authenticates with the shop's session cookie, and joins the room of its user."""

    server = WebSocketServer()

    def __init__(
        self,
        store: NotificationStore,
        sessions: Sessions,
        config: ConfigService[NotificationSettings],
    ) -> None:
        self._store = store
        self._sessions = sessions
        self._ack_seconds = config.settings.ack_seconds

    def after_init(self, server: Server) -> None:
        server.use(self._authenticate)

    async def handle_connection(self, client: Socket) -> None:
        user = client.data["user"]
        await client.join(f"user:{user}")
        client.emit("unread", len(self._store.unread_of(user)))
        for each in self._store.unread_of(user):
            if not each.pushed:
                client.emit("notification", each)

    def before_application_shutdown(self) -> None:
        self.server.emit("maintenance")

    @subscribe_message("read")
    def read(
        self,
        client: Client,
        user: User,
        ids: Annotated[list[UUID], MessageBody("ids", ParseArrayPipe(items=UUID))],
    ) -> int:
        unread = self._store.mark_read(user, ids)
        client.to(f"user:{user}").emit("unread", unread)
        return unread

    @subscribe_message("list")
    def list(
        self, user: User, topic: Annotated[Topic, MessageBody(ParseEnumPipe(Topic))]
    ) -> list[Notification]:
        return self._store.of_topic(user, topic)

    @on_event("notification.*")
    async def push(self, notification: Notification) -> bool:
        """Emit a notification to the user's pages; return whether one of them has acked it."""
        pages = self.server.to(f"user:{notification.user}").except_(MUTED)
        try:
            acks = await pages.emit_with_ack(
                "notification", notification, timeout_seconds=self._ack_seconds
            )
        except AckTimeoutError as error:
            acks = error.responses
        return bool(acks)

    @cron("0 0 8 * * *", name="digest", time_zone="Europe/Berlin")
    async def send_digest(self) -> None:
        for page in await self.server.fetch_sockets():
            unread = self._store.unread_of(page.data["user"])
            if unread:
                page.emit("digest", {topic.value: _count(unread, topic) for topic in Topic})

    async def _authenticate(self, client: Socket) -> None:
        cookie = SimpleCookie(client.handshake.headers.get("cookie", ""))
        user = (
            await self._sessions.user_of(cookie["session"].value) if "session" in cookie else None
        )
        if user is None:
            raise WsException("Sign in first.", code="no_session")
        client.data["user"] = user


def _count(notifications: list[Notification], topic: Topic) -> int:
    return sum(each.topic is topic for each in notifications)
