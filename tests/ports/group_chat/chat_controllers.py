"""The REST interface."""

from typing import Annotated
from uuid import UUID

from app.framework import (
    Body,
    DefaultValuePipe,
    NotFoundException,
    Param,
    ParseIntPipe,
    ParseUUIDPipe,
    Query,
    ValidationPipe,
    controller,
    delete,
    get,
    http_code,
    post,
    use_guards,
    use_pipes,
)
from tests.ports.group_chat.auth import CurrentUser, RolesGuard, public, roles
from tests.ports.group_chat.chat_dto import LoginDto, RoomDto, SendDto
from tests.ports.group_chat.rooms import Message, RoomService
from tests.ports.group_chat.users import AuthService, User


@controller("auth")
@use_pipes(ValidationPipe())
class AuthController:
    """``POST /auth/login``."""

    def __init__(self, auth: AuthService) -> None:
        self._auth = auth

    @post("login")
    @public()
    @http_code(200)
    def login(self, dto: Annotated[LoginDto, Body()]) -> dict[str, str]:
        return {"token": self._auth.login(dto.name, dto.password)}


@controller("rooms")
@use_pipes(ValidationPipe())
@use_guards(RolesGuard)
class RoomsController:
    """The endpoints of rooms and their messages."""

    def __init__(self, rooms: RoomService) -> None:
        self._rooms = rooms

    @post()
    @roles("moderator")
    def create(self, dto: Annotated[RoomDto, Body()]) -> str:
        return self._rooms.create(dto.room).name

    @get("{room}/messages")
    def latest(
        self,
        user: Annotated[User, CurrentUser()],
        room: Annotated[str, Param("room")],
        limit: Annotated[int, Query("limit", DefaultValuePipe(10), ParseIntPipe())],
    ) -> list[Message]:
        return self._rooms.latest(room, user.name, limit)

    @post("{room}/messages")
    def send(
        self,
        user: Annotated[User, CurrentUser()],
        room: Annotated[str, Param("room")],
        text: Annotated[str, Body("text")],
    ) -> Message:
        dto = SendDto(room=room, text=text)
        return self._rooms.post(dto.room, user.name, dto.text)

    @delete("{room}/messages/{id}")
    @roles("moderator")
    def remove(
        self,
        room: Annotated[str, Param("room")],
        message_id: Annotated[UUID, Param("id", ParseUUIDPipe())],
    ) -> None:
        if not self._rooms.remove(room, message_id):
            raise NotFoundException(f"There is no message {message_id}")
