"""Who sent a webhook, and what it says."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol, runtime_checkable


class WebhookFault(StrEnum):
    """What is wrong with a refused webhook."""

    SIGNATURE = "webhook_signature"
    MALFORMED = "webhook_malformed"


class WebhookRefused(Exception):
    """The webhook is not authentic, too old, or none; ``str(error)`` says which, for its sender.

    Attributes:
        code: Stable.
    """

    def __init__(self, code: WebhookFault, sentence: str) -> None:
        self.code = code
        super().__init__(sentence)


@dataclass(frozen=True, slots=True)
class WebhookMessage:
    """An authentic message.

    Attributes:
        id: The same one whenever it is sent again.
        type: What happened, as ``user.deleted``.
        data: Whom or what it happened to.
    """

    id: str
    type: str
    data: Mapping[str, object] = field(repr=False)


@runtime_checkable
class WebhookVerifier(Protocol):
    """Verifies webhooks by a secret shared with their sender."""

    def verify(self, headers: Mapping[str, str], body: bytes) -> WebhookMessage:
        """The message, when it was signed within the last five minutes.

        Within these it may be somebody else's copy: `WebhookLog` knows the ids dealt with.

        Raises:
            WebhookRefused: Nothing else is raised, whatever was sent.
        """
        ...
