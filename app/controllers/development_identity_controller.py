"""The endpoints of the development issuer: its public key, and users and tokens for localhost."""

import asyncio
from http import HTTPStatus
from typing import Annotated

from aiohttp import hdrs, web
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from app.domain.ids import UserId, checked_id
from app.framework import BadRequestException, controller, field_errors, get, http_code, post
from app.ports import JWKS_PATH, TOKEN_TTL_SECONDS, ChannelRepository, TokenIssuer

_LOOPBACK = frozenset({"127.0.0.1", "::1"})
_MAX_TTL_SECONDS = 86_400
_MOST_USERS = 50


class TokenRequest(BaseModel):
    """The JSON body ``{userId, sessionId?, ttlSeconds?}``."""

    model_config = ConfigDict(alias_generator=to_camel)

    user_id: Annotated[UserId, AfterValidator(checked_id)]
    session_id: str | None = None
    ttl_seconds: int = Field(default=TOKEN_TTL_SECONDS, ge=-_MAX_TTL_SECONDS, le=_MAX_TTL_SECONDS)


@controller()
class DevelopmentIdentityController:
    """The controller is registered only with the development issuer, never in production."""

    def __init__(
        self,
        issuer: TokenIssuer,
        channels: ChannelRepository,
        origins: tuple[str, ...],
        message_max_chars: int,
    ) -> None:
        self._issuer = issuer
        self._channels = channels
        self._origins = frozenset(origins)
        self._message_max_chars = message_max_chars
        self._asking = asyncio.Lock()

    @get(JWKS_PATH)
    async def jwks(self) -> object:
        """Answer with the public keys, as Clerk does."""
        return self._issuer.jwks()

    @post("/dev/token")
    @http_code(HTTPStatus.OK)
    async def token(self, request: web.Request) -> dict[str, str]:
        """Answer a `TokenRequest` with ``{"token": ...}``; answer 400 if the body is invalid."""
        self._require_local(request)
        try:
            wanted = TokenRequest.model_validate_json(await request.read())
        except ValidationError as error:
            message = 'Send {"userId": "user_alice"} as JSON.'
            raise BadRequestException(
                {"statusCode": 400, "message": message, "fields": field_errors(error)}
            ) from None
        return {"token": self._issuer.token(wanted.user_id, wanted.ttl_seconds, wanted.session_id)}

    @get("/dev/users")
    async def users(self, request: web.Request) -> dict[str, object]:
        """Answer with the data of the demo page: the first 50 users by id, and the message limit.

        ``{"users": [{id, name, channels}], "messageMaxChars": 4000}``
        """
        self._require_local(request)
        async with self._asking:  # requests need no token, so only one runs at a time
            users = [
                {
                    "id": user.id,
                    "name": user.name,
                    "channels": await self._channels.channels_of(user.id),
                }
                for user in await self._channels.users(_MOST_USERS)
            ]
        return {"users": users, "messageMaxChars": self._message_max_chars}

    def _require_local(self, request: web.Request) -> None:
        """Reject requests from other machines and unknown origins, even with DNS rebinding."""
        origin = request.headers.get(hdrs.ORIGIN)
        is_local = (
            request.remote in _LOOPBACK
            and request.url.host in {"localhost", *_LOOPBACK}
            and hdrs.X_FORWARDED_FOR not in request.headers
        )
        if not is_local or origin not in {None, str(request.url.origin()), *self._origins}:
            raise web.HTTPForbidden(text="Only for this machine and CORS_ORIGINS.")
