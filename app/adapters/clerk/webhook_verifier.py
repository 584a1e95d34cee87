"""Verifies Clerk's webhooks, which are signed according to the specification Standard Webhooks."""

import binascii
from base64 import b64decode
from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, StringConstraints, ValidationError
from standardwebhooks import Webhook, WebhookVerificationError

from app.domain.ids import MAX_ID_CHARS
from app.ports import WebhookFault, WebhookMessage, WebhookRefused, WebhookVerifier

_SECRET_PREFIX = "whsec_"  # noqa: S105 - a prefix, not a secret
_SIGNED = ("id", "timestamp", "signature")


class WebhookSecretError(ValueError):
    """``CLERK_WEBHOOK_SIGNING_SECRET`` is invalid. The message does not quote the value."""


class _Event(BaseModel):
    type: Annotated[str, StringConstraints(min_length=1, max_length=MAX_ID_CHARS)]
    data: dict[str, object]


class ClerkWebhookVerifier(WebhookVerifier):
    """Accepts the header names of Svix (``svix-id``) and of Standard Webhooks (``webhook-id``)."""

    def __init__(self, secret: str) -> None:
        """Read the secret.

        Args:
            secret: ``whsec_`` and base64, as Clerk's dashboard shows it.

        Raises:
            WebhookSecretError: The secret is not base64.
        """
        self._webhook = Webhook(_key(secret))

    def verify(self, headers: Mapping[str, str], body: bytes) -> WebhookMessage:
        """Return the message if its signature is valid, and it is recent by the system clock."""
        standard = _standard_headers(headers)
        try:
            self._webhook.verify(body, standard, json_parse=False)
        except WebhookVerificationError as error:
            raise WebhookRefused(WebhookFault.SIGNATURE, f"{error}.") from None
        except ValueError:
            # The library raises ValueError for malformed base64 or Unicode, and for a signature
            # without a version.
            sentence = "The signature headers cannot be read."
            raise WebhookRefused(WebhookFault.SIGNATURE, sentence) from None
        message_id = standard["webhook-id"]
        try:
            event = _Event.model_validate_json(body)
        except ValidationError:
            event = None
        if event is None or len(message_id) > MAX_ID_CHARS:
            sentence = "The body must be a JSON object with type and data."
            raise WebhookRefused(WebhookFault.MALFORMED, sentence)
        return WebhookMessage(message_id, event.type, event.data)


def _key(secret: str) -> bytes:
    # The library would skip invalid characters of the base64 text, and so use a wrong key.
    text = secret.removeprefix(_SECRET_PREFIX).rstrip("=")
    try:
        return b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise WebhookSecretError(
            "CLERK_WEBHOOK_SIGNING_SECRET is not a signing secret; copy it from Clerk's dashboard, "
            "Webhooks."
        ) from None


def _standard_headers(headers: Mapping[str, str]) -> dict[str, str]:
    sent = {name.lower(): value for name, value in headers.items()}
    return {
        f"webhook-{part}": sent.get(f"svix-{part}") or sent.get(f"webhook-{part}", "")
        for part in _SIGNED
    }
