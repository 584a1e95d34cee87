"""The endpoint with which a backend revokes users, sign-ins and tokens."""

from http import HTTPStatus
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from app.controllers.requests.backend_key import for_backends
from app.controllers.requests.backend_request import BackendRequest, BackendRequestPipe, Id
from app.controllers.requests.refusals import Refusal
from app.domain.credential import RevocationKind
from app.domain.errors import AuthenticationError
from app.domain.wire import to_iso
from app.framework import FieldError, RawBody, controller, http_code, post
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
@for_backends("revocation")
class SessionsController:
    """The controller is registered only if ``SERVICE_KEY`` is set."""

    def __init__(self, session_service: SessionService) -> None:
        self._session_service = session_service

    @post("revoke")
    @http_code(HTTPStatus.OK)
    async def revoke(
        self, request: Annotated[RevokeRequest, RawBody(BackendRequestPipe(_EXPECTED))]
    ) -> dict[str, object]:
        """Revoke a user, a sign-in or a token; answer ``{"revoked": kind, "until": ISO 8601}``.

        Answers 400, 413 or 415 if the body is not a `RevokeRequest`, 401 without the key, and 503
        if the result could not be confirmed. After 503 the caller must retry.
        """
        ((kind, value),) = request.named
        try:
            revoked = await self._session_service.revoke(kind, value)
        except AuthenticationError as error:
            fields = [FieldError(path="token", message="is no session token")]
            message = "That is no session token; nothing was revoked."
            raise Refusal(HTTPStatus.BAD_REQUEST, error.code, message, fields=fields) from None
        return {"revoked": kind, "until": to_iso(revoked.until)}
