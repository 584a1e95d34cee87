"""Verifies and reads webhooks."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol, runtime_checkable


class WebhookFault(StrEnum):
    """The reason for rejecting a webhook."""

    SIGNATURE = "webhook_signature"
    MALFORMED = "webhook_malformed"


class WebhookRefused(Exception):
    """The webhook is too old, malformed or not authentic; the text is for the sender."""

    def __init__(self, code: WebhookFault, sentence: str) -> None:
        self.code = code
        super().__init__(sentence)


@dataclass(frozen=True, slots=True)
class WebhookMessage:
    """A verified webhook message; every repetition of the message has the same ``id``."""

    id: str
    type: str
    data: Mapping[str, object] = field(repr=False)


@runtime_checkable
class WebhookVerifier(Protocol):
    """Verifies webhooks with a secret shared with the sender."""

    def verify(self, headers: Mapping[str, str], body: bytes) -> WebhookMessage:
        """Return the message if its signature is valid and its timestamp is recent.

        The timestamp may differ from the system clock by five minutes. Within this time, an
        attacker may replay the message; `WebhookLog` detects the repetition.

        Raises:
            WebhookRefused: The message is rejected. Other errors are never raised.
        """
        ...
