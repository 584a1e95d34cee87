"""The endpoint for Clerk's webhooks about ended sign-ins and deleted users."""

import logging
from http import HTTPStatus
from typing import Annotated

from aiohttp import web

from app.controllers.requests.refusal_log import RefusalLog
from app.controllers.requests.refusals import Refusal, RefusalFilter
from app.domain.credential import RevocationKind
from app.domain.ids import checked_id
from app.framework import RawBody, Req, body_limit, controller, http_code, post, use_filters
from app.ports import WebhookFault, WebhookLog, WebhookMessage, WebhookRefused, WebhookVerifier
from app.services.session_service import SessionService

MAX_BODY_BYTES = 262_144

REMEMBERED_SECONDS = 2 * 86_400
"""How long the id of a handled message is stored.

The time exceeds the 28 hours during which Svix retries an unanswered message, and the ten minutes
during which a replayed message would be accepted.
"""

_REVOKES = {
    "session.ended": RevocationKind.SESSION,
    "session.removed": RevocationKind.SESSION,
    "session.revoked": RevocationKind.SESSION,
    "user.banned": RevocationKind.USER,
    "user.deleted": RevocationKind.USER,
}
"""The kind of revocation for each type of message; ``data.id`` is the revoked subject."""

_logger = logging.getLogger(__name__)


@controller("webhooks")
@use_filters(RefusalFilter())
class WebhooksController:
    """The controller is registered only if ``CLERK_WEBHOOK_SIGNING_SECRET`` is set."""

    def __init__(
        self,
        session_service: SessionService,
        webhook_verifier: WebhookVerifier,
        webhook_log: WebhookLog,
        refusal_log: RefusalLog,
    ) -> None:
        self._session_service = session_service
        self._webhook_verifier = webhook_verifier
        self._webhook_log = webhook_log
        self._refusal_log = refusal_log

    @post("clerk")
    @http_code(HTTPStatus.OK)
    @body_limit(MAX_BODY_BYTES)
    async def clerk(
        self, body: Annotated[bytes, RawBody()], request: Annotated[web.Request, Req()]
    ) -> dict[str, str]:
        """Handle a message of Clerk: revoke the user or sign-in, if the message's type requires it.

        A message that was handled before is ignored. Answers 200 whether or not anything was
        revoked. Answers 400 if the message is malformed, too old or not from Clerk, and 413 or 415
        if the body is too large or compressed. Answers 503 if the result could not be confirmed;
        Svix then retries.
        """
        try:
            await self._handle(self._webhook_verifier.verify(request.headers, body))
        except WebhookRefused as refused:
            self._refusal_log.refused(request, "webhook", f"{refused.code} {refused}")
            raise Refusal(HTTPStatus.BAD_REQUEST, refused.code, str(refused)) from None
        return {"status": "ok"}

    async def _handle(self, message: WebhookMessage) -> None:
        kind = _revoked_kind(message)
        if kind is None or await self._webhook_log.contains(message.id):
            _logger.debug("webhook %s ignored: %s", message.id, message.type)
            return
        await self._session_service.revoke(kind, _subject(message))
        # Store the id last: if the server stops before, Svix retries, and revoking twice is
        # harmless.
        await self._webhook_log.add(message.id, REMEMBERED_SECONDS)
        _logger.info("webhook %s handled: %s", message.id, message.type)


def _revoked_kind(message: WebhookMessage) -> RevocationKind | None:
    """Return the kind of revocation; None if the message does not revoke anything.

    Clerk reports a ban as ``user.updated``. A locked account is not revoked: Clerk locks accounts
    after failed sign-ins, so an attacker who guesses passwords could disconnect a user.
    """
    if message.type == "user.updated" and message.data.get("banned") is True:
        return RevocationKind.USER
    return _REVOKES.get(message.type)


def _subject(message: WebhookMessage) -> str:
    try:
        return checked_id(message.data.get("id"))
    except ValueError as error:  # if the message were ignored, the user would stay signed in
        sentence = f"data.id of {message.type} {error}."
        raise WebhookRefused(WebhookFault.MALFORMED, sentence) from None
