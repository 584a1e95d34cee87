"""Endpoints with which backends change channels and their members."""

from http import HTTPStatus
from typing import Annotated

from pydantic import AfterValidator, StringConstraints

from app.controllers.requests.backend_key import for_backends
from app.controllers.requests.backend_request import (
    BackendRequest,
    BackendRequestPipe,
    Id,
    PathIdPipe,
)
from app.domain.channel import ChannelDraft, ChannelType, MemberRole
from app.domain.ids import ChannelId, UserId, new_id
from app.domain.text import checked_storable, is_blank
from app.framework import HttpResponse, Param, RawBody, Res, controller, delete, post, put
from app.services.channel_service import ChannelService

MAX_NAME_CHARS = 191
MAX_DESCRIPTION_CHARS = 4_000

_CHANNEL = "Send name and createdById, and if needed id, description, type, memberIds, as JSON."
_MEMBER = "Send role as JSON, or no body."
_MEMBER_PATH = "{channel_id}/members/{user_id}"

_ChannelId = Annotated[ChannelId, Param("channel_id", PathIdPipe())]
_UserId = Annotated[UserId, Param("user_id", PathIdPipe())]


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
@for_backends("change of a channel")
class ChannelsController:
    """The controller is registered only if ``SERVICE_KEY`` is set.

    Every handler answers 401 without the key, 404 if the channel or a user does not exist, and 503
    if the result could not be confirmed. After 503 the caller must retry; retrying is harmless.
    """

    def __init__(self, channel_service: ChannelService) -> None:
        self._channels = channel_service

    @post()
    async def create_channel(
        self,
        request: Annotated[CreateChannelRequest, RawBody(BackendRequestPipe(_CHANNEL))],
        response: Annotated[HttpResponse, Res()],
    ) -> dict[str, object]:
        """Answer 201 with the new channel, or 200 if the same channel already exists.

        Answers 409 if another channel has the id, and 400, 413 or 415 if the body is invalid.
        """
        creation = await self._channels.create(request.to_draft())
        if not creation.is_new:
            response.status(HTTPStatus.OK)
        return creation.channel.to_wire()

    @delete("{channel_id}")
    async def delete_channel(self, channel_id: _ChannelId) -> dict[str, object]:
        """Answer 200 with ``{channelId}`` when everything is deleted.

        If the request is repeated, the node that deleted the channel answers 200 again, and other
        nodes answer 404. Answers 409 if a table that does not belong to the chat refers to the
        channel.
        """
        await self._channels.delete(channel_id)
        return {"channelId": channel_id}

    @put(_MEMBER_PATH)
    async def add_member(
        self,
        channel_id: _ChannelId,
        user_id: _UserId,
        request: Annotated[
            AddMemberRequest, RawBody(BackendRequestPipe(_MEMBER, may_be_empty=True))
        ],
    ) -> dict[str, object]:
        """Answer 200 with ``{channelId, userId, changed}``.

        ``changed`` is false if the user already was a member with this role.
        """
        changed = await self._channels.add_member(channel_id, user_id, request.role)
        return {"channelId": channel_id, "userId": user_id, "changed": changed}

    @delete(_MEMBER_PATH)
    async def remove_member(self, channel_id: _ChannelId, user_id: _UserId) -> dict[str, object]:
        """Answer 200 with ``{channelId, userId, changed}``.

        ``changed`` is false if the user was not a member.
        """
        changed = await self._channels.remove_member(channel_id, user_id)
        return {"channelId": channel_id, "userId": user_id, "changed": changed}
