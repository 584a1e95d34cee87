"""Endpoints with which backends change channels and their members."""

from http import HTTPStatus
from typing import Annotated

from aiohttp import web
from pydantic import AfterValidator, StringConstraints, ValidationError

from app.controllers.requests.backend_key import BackendKey
from app.controllers.requests.backend_request import (
    MAX_BODY_BYTES,
    BackendRequest,
    Id,
    invalid,
    path_id,
)
from app.controllers.requests.body import read_body
from app.controllers.requests.refusals import refusal, unavailable
from app.domain.channel import ChannelDraft, ChannelType, MemberRole
from app.domain.errors import (
    ChannelExists,
    ChannelInUse,
    ChannelNotFound,
    ChatError,
    Unavailable,
    UserNotFound,
)
from app.domain.ids import ChannelId, UserId, new_id
from app.domain.text import checked_storable, is_blank
from app.framework import controller, delete, post, put
from app.services.channel_service import ChannelService

MAX_NAME_CHARS = 191
MAX_DESCRIPTION_CHARS = 4_000

_WHAT = "change of a channel"
_CHANNEL = "Send name and createdById, and if needed id, description, type, memberIds, as JSON."
_MEMBER = "Send role as JSON, or no body."
_MEMBER_PATH = "{channel_id}/members/{user_id}"

_STATUS = {
    ChannelNotFound: HTTPStatus.NOT_FOUND,
    UserNotFound: HTTPStatus.NOT_FOUND,
    ChannelExists: HTTPStatus.CONFLICT,
    ChannelInUse: HTTPStatus.CONFLICT,
}


def _visible(text: str) -> str:
    if is_blank(text):
        raise ValueError("must have a visible character")
    return text


def _addressable(text: str) -> str:
    if text in {".", ".."}:
        raise ValueError("must not be . or .., because HTTP clients remove these from a path")
    return text


class CreateChannelRequest(BackendRequest):
    """The JSON body ``{name, createdById, id?, description?, type?, memberIds?}``."""

    name: Annotated[
        str,
        StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_NAME_CHARS),
        AfterValidator(checked_storable),
        AfterValidator(_visible),
    ]
    created_by_id: Id
    id: Annotated[Id, AfterValidator(_addressable)] | None = None
    description: (
        Annotated[
            str,
            StringConstraints(max_length=MAX_DESCRIPTION_CHARS),
            AfterValidator(checked_storable),
        ]
        | None
    ) = None
    type: ChannelType = ChannelType.PUBLIC
    member_ids: tuple[Id, ...] = ()

    def to_draft(self) -> ChannelDraft:
        """Return the draft of the channel, with a new id if none was sent."""
        return ChannelDraft(
            id=ChannelId(new_id() if self.id is None else self.id),
            name=self.name,
            description=self.description,
            type=self.type,
            created_by_id=UserId(self.created_by_id),
            member_ids=tuple(map(UserId, self.member_ids)),
        )


class AddMemberRequest(BackendRequest):
    """The JSON body ``{role?}``."""

    role: MemberRole | None = None


@controller("channels")
class ChannelsController:
    """The controller is registered only if ``SERVICE_KEY`` is set.

    Every handler answers 401 without the key, 404 if the channel or a user does not exist, and 503
    if the result could not be confirmed. After 503 the caller must retry; retrying is harmless.
    """

    def __init__(self, channel_service: ChannelService, service_key: BackendKey) -> None:
        self._channels = channel_service
        self._service_key = service_key

    @post()
    async def create_channel(self, request: web.Request) -> web.Response:
        """Answer 201 with the new channel, or 200 if the same channel already exists.

        Answers 409 if another channel has the id, and 400, 413 or 415 if the body is invalid.
        """
        self._service_key.require(request, _WHAT)
        body = await read_body(request, MAX_BODY_BYTES)
        try:
            draft = CreateChannelRequest.model_validate_json(body).to_draft()
            creation = await self._channels.create(draft)
        except ValidationError as error:
            return invalid(error, _CHANNEL)
        except ChatError as error:
            return _refused(error)
        status = HTTPStatus.CREATED if creation.is_new else HTTPStatus.OK
        return web.json_response(creation.channel.to_wire(), status=status)

    @delete("{channel_id}")
    async def delete_channel(self, request: web.Request) -> web.Response:
        """Answer 200 with ``{channelId}`` when everything is deleted.

        Repeating the request on the same node is harmless. Answers 409 if a table that does not
        belong to the chat refers to the channel.
        """
        self._service_key.require(request, _WHAT)
        channel_id = ChannelId(path_id(request, "channel_id"))
        try:
            await self._channels.delete(channel_id)
        except ChatError as error:
            return _refused(error)
        return web.json_response({"channelId": channel_id})

    @put(_MEMBER_PATH)
    async def add_member(self, request: web.Request) -> web.Response:
        """Answer 200 with ``{channelId, userId, changed}``.

        ``changed`` is false if the user already was a member with this role.
        """
        self._service_key.require(request, _WHAT)
        channel_id, user_id = _membership(request)
        body = await read_body(request, MAX_BODY_BYTES)
        try:
            role = AddMemberRequest.model_validate_json(body or b"{}").role
            changed = await self._channels.add_member(channel_id, user_id, role)
        except ValidationError as error:
            return invalid(error, _MEMBER)
        except ChatError as error:
            return _refused(error)
        return _answer(channel_id, user_id, changed=changed)

    @delete(_MEMBER_PATH)
    async def remove_member(self, request: web.Request) -> web.Response:
        """Answer 200 with ``{channelId, userId, changed}``.

        ``changed`` is false if the user was not a member.
        """
        self._service_key.require(request, _WHAT)
        channel_id, user_id = _membership(request)
        try:
            changed = await self._channels.remove_member(channel_id, user_id)
        except ChatError as error:
            return _refused(error)
        return _answer(channel_id, user_id, changed=changed)


def _membership(request: web.Request) -> tuple[ChannelId, UserId]:
    return ChannelId(path_id(request, "channel_id")), UserId(path_id(request, "user_id"))


def _answer(channel_id: ChannelId, user_id: UserId, *, changed: bool) -> web.Response:
    return web.json_response({"channelId": channel_id, "userId": user_id, "changed": changed})


def _refused(error: ChatError) -> web.Response:
    if isinstance(error, Unavailable):
        return unavailable()
    return refusal(_STATUS[type(error)], error.code, str(error))
