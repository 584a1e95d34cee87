"""The chat's events."""

from collections.abc import AsyncIterator
from typing import Annotated
from uuid import UUID

from app.framework import (
    ConnectedSocket,
    MessageBody,
    ValidationPipe,
    WebSocketServer,
    WsResponse,
    subscribe_message,
    use_guards,
    use_pipes,
    web_socket_gateway,
)
from app.framework.event_emitter import on_event
from app.framework.throttler import ThrottlerGuard, throttle
from tests.ports.group_chat.auth import CurrentUser
from tests.ports.group_chat.chat_dto import RoomDto, SendDto
from tests.ports.group_chat.rooms import Message, RoomService
from tests.ports.group_chat.users import ChatSocket, User

Client = Annotated[ChatSocket, ConnectedSocket()]
CurrentUserParam = Annotated[User, CurrentUser()]


@web_socket_gateway(cors=True)
@use_pipes(ValidationPipe(forbid_non_whitelisted=True))
class ChatGateway:
    """The gateway of the root namespace. Each chat room and each user has a Socket.IO room."""

    server = WebSocketServer()

    def __init__(self, rooms: RoomService) -> None:
        self._rooms = rooms

    async def handle_connection(self, client: ChatSocket) -> None:
        name = client.user.name
        await client.join([f"user:{name}", *self._rooms.of_user(name)])
        client.broadcast.emit("presence", {"user": name, "online": True})

    async def handle_disconnect(self, client: ChatSocket) -> None:
        name = client.user.name
        if not await self.server.in_(f"user:{name}").fetch_sockets():
            self.server.emit("presence", {"user": name, "online": False})

    @subscribe_message("room:join")
    async def join(
        self, client: Client, user: CurrentUserParam, dto: Annotated[RoomDto, MessageBody()]
    ) -> set[str]:
        room = self._rooms.join(dto.room, user.name)
        self.server.in_(f"user:{user.name}").sockets_join(room.name)
        client.to(room.name).emit("room:joined", {"room": room.name, "user": user.name})
        return room.members

    @subscribe_message("room:leave")
    async def leave(
        self, user: CurrentUserParam, dto: Annotated[RoomDto, MessageBody()]
    ) -> WsResponse[str]:
        self._rooms.leave(dto.room, user.name)
        self.server.in_(f"user:{user.name}").sockets_leave(dto.room)
        return WsResponse("room:left", dto.room)

    @subscribe_message("message:send")
    @use_guards(ThrottlerGuard)
    @throttle({"default": {"limit": 3}})
    def send(self, user: CurrentUserParam, dto: Annotated[SendDto, MessageBody()]) -> Message:
        return self._rooms.post(dto.room, user.name, dto.text)

    @subscribe_message("message:history")
    async def history(
        self, user: CurrentUserParam, dto: Annotated[RoomDto, MessageBody()]
    ) -> AsyncIterator[WsResponse[Message]]:
        async for message in self._rooms.history(dto.room, user.name):
            yield WsResponse("message:old", message)

    @subscribe_message("typing")
    def typing(
        self, client: Client, user: CurrentUserParam, room: Annotated[str, MessageBody("room")]
    ) -> None:
        self._rooms.require_member(room, user.name)
        client.to(room).volatile.emit("typing", {"room": room, "user": user.name})

    @on_event("message.created")
    def publish(self, message: Message) -> None:
        self.server.to(message.room).emit("message:new", message)

    @on_event("message.removed")
    def publish_removal(self, room: str, message_id: UUID) -> None:
        self.server.to(room).emit("message:removed", message_id)

    def mention(self, name: str, message: Message) -> None:
        self.server.to(f"user:{name}").emit("mention", message)
