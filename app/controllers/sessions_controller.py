"""Signing users out: for the backends that know who must go."""

import hmac
from http import HTTPStatus
from typing import Annotated, Self

from aiohttp import hdrs, web
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic_core import ErrorDetails

from app.controllers.http_refusal import refusal, unavailable
from app.controllers.refusal_log import RefusalLog
from app.controllers.request_body import read_body
from app.domain.errors import AuthenticationError, Unavailable
from app.domain.ids import is_id
from app.domain.revocation import RevocationKind
from app.domain.wire import to_iso
from app.framework import controller, post
from app.services.session_service import SessionService

MAX_BODY_BYTES = 65_536
_VALUE_ERROR = "Value error, "  # how pydantic begins the messages of validators
_EXPECTED = "Send one of userId, sessionId and token as JSON."


def _named(text: str) -> str:
    if not is_id(text):
        raise ValueError("must be 1 to 191 printable characters")
    return text


_Id = Annotated[str, AfterValidator(_named)]


class RevokeRequest(BaseModel):
    """One of ``{userId}``, ``{sessionId}`` and ``{token}``."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        # A misspelt name beside a right one would be a revocation that is not made.
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        strict=True,
    )

    user_id: _Id | None = None
    session_id: _Id | None = None
    token: Annotated[str, StringConstraints(min_length=1)] | None = Field(None, repr=False)

    @property
    def named(self) -> list[tuple[RevocationKind, str]]:
        """What is to be revoked."""
        given = (
            (RevocationKind.USER, self.user_id),
            (RevocationKind.SESSION, self.session_id),
            (RevocationKind.TOKEN, self.token),
        )
        return [(kind, value) for kind, value in given if value is not None]

    @model_validator(mode="after")
    def _names_one(self) -> Self:
        if len(self.named) != 1:
            raise ValueError("exactly one must be given")
        return self


@controller("sessions")
class SessionsController:
    """Exists only where ``SERVICE_KEY`` is set."""

    def __init__(
        self, session_service: SessionService, refusal_log: RefusalLog, service_key: str
    ) -> None:
        self._session_service = session_service
        self._refusal_log = refusal_log
        self._service_key = _bytes(service_key)

    @post("revoke")
    async def revoke(self, request: web.Request) -> web.Response:
        """Revoke a user, a sign-in or a token: ``{"revoked": kind, "until": ISO 8601}``.

        400, 413, 415 for what is no `RevokeRequest`; 401 without the key; 503 when it is not
        certain that it was stored: then it has to be sent again.
        """
        if not self._has_key(request):
            self._refusal_log.refused(request, "revocation", "without the service key")
            return _unauthorized()
        body = await read_body(request, MAX_BODY_BYTES)
        try:
            ((kind, value),) = RevokeRequest.model_validate_json(body).named
            revoked = await self._session_service.revoke(kind, value)
        except ValidationError as error:
            return _invalid(error)
        except AuthenticationError as error:
            fault = {"path": "token", "message": "is no session token"}
            message = "That is no session token; nothing was revoked."
            return refusal(HTTPStatus.BAD_REQUEST, error.code, message, fields=[fault])
        except Unavailable:
            return unavailable()
        return web.json_response({"revoked": kind, "until": to_iso(revoked.until)})

    def _has_key(self, request: web.Request) -> bool:
        scheme, _, key = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
        return scheme.lower() == "bearer" and hmac.compare_digest(_bytes(key), self._service_key)


def _bytes(text: str) -> bytes:
    # Header and environment alike decode so: bytes that are no UTF-8 come back as they were.
    return text.encode(errors="surrogateescape")


def _unauthorized() -> web.Response:
    response = refusal(
        HTTPStatus.UNAUTHORIZED, "unauthorized", "Authorization must be Bearer and the service key."
    )
    response.headers[hdrs.WWW_AUTHENTICATE] = "Bearer"
    return response


def _invalid(error: ValidationError) -> web.Response:
    # Without pydantic's context and input: there the token is.
    errors = error.errors(include_url=False, include_context=False, include_input=False)
    fields = [_fault(each) for each in errors]
    return refusal(HTTPStatus.BAD_REQUEST, "invalid_payload", _EXPECTED, fields=fields)


def _fault(error: ErrorDetails) -> dict[str, str]:
    if error["type"] == "extra_forbidden":  # its name is the caller's: a token, perhaps
        return {"path": "", "message": "there are no other fields"}
    path = ".".join(map(str, error["loc"]))
    return {"path": path, "message": error["msg"].removeprefix(_VALUE_ERROR)}
