"""The endpoint with which a backend revokes users, sign-ins and tokens."""

from http import HTTPStatus
from typing import Annotated, Self

from aiohttp import web
from pydantic import Field, StringConstraints, ValidationError, model_validator

from app.controllers.requests.backend_key import BackendKey
from app.controllers.requests.backend_request import MAX_BODY_BYTES, BackendRequest, Id, invalid
from app.controllers.requests.body import read_body
from app.controllers.requests.refusals import refusal, unavailable
from app.domain.credential import RevocationKind
from app.domain.errors import AuthenticationError, Unavailable
from app.domain.wire import to_iso
from app.framework import FieldError, controller, post
from app.services.session_service import SessionService

_EXPECTED = "Send one of userId, sessionId and token as JSON."


class RevokeRequest(BackendRequest):
    """The JSON body: one of ``{userId}``, ``{sessionId}`` and ``{token}``."""

    user_id: Id | None = None
    session_id: Id | None = None
    token: Annotated[str, StringConstraints(min_length=1)] | None = Field(None, repr=False)

    @property
    def named(self) -> list[tuple[RevocationKind, str]]:
        """The sent fields, each as a kind of revocation and its value."""
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
    """The controller is registered only if ``SERVICE_KEY`` is set."""

    def __init__(self, session_service: SessionService, service_key: BackendKey) -> None:
        self._session_service = session_service
        self._service_key = service_key

    @post("revoke")
    async def revoke(self, request: web.Request) -> web.Response:
        """Revoke a user, a sign-in or a token; answer ``{"revoked": kind, "until": ISO 8601}``.

        Answers 400, 413 or 415 if the body is not a `RevokeRequest`, 401 without the key, and 503
        if the result could not be confirmed. After 503 the caller must retry.
        """
        self._service_key.require(request, "revocation")
        body = await read_body(request, MAX_BODY_BYTES)
        try:
            ((kind, value),) = RevokeRequest.model_validate_json(body).named
            revoked = await self._session_service.revoke(kind, value)
        except ValidationError as error:
            return invalid(error, _EXPECTED)
        except AuthenticationError as error:
            fields = [FieldError(path="token", message="is no session token")]
            message = "That is no session token; nothing was revoked."
            return refusal(HTTPStatus.BAD_REQUEST, error.code, message, fields=fields)
        except Unavailable:
            return unavailable()
        return web.json_response({"revoked": kind, "until": to_iso(revoked.until)})
