"""What the services need from outside, as Protocols with the guarantees each adapter owes."""

from app.ports.attempt_limiter import AttemptLimiter
from app.ports.broadcaster import Broadcaster
from app.ports.channel_repository import ChannelRepository, Membership
from app.ports.clock import Clock, Timer
from app.ports.delivery_repository import (
    Advance,
    AdvanceOutcome,
    DeliveryRepository,
    Report,
    UnconfirmedAdvances,
    UndeliveredPage,
)
from app.ports.eager_starter import EagerStarter
from app.ports.membership_bus import MembershipBus
from app.ports.message_repository import AddOutcome, MessageRepository, StoredMessage
from app.ports.revocation_bus import RevocationBus
from app.ports.revocation_store import RevocationStore
from app.ports.socket_quota import SocketQuota
from app.ports.socket_rooms import SocketRooms
from app.ports.storage_probe import StorageProbe
from app.ports.storage_writers import StorageWriters
from app.ports.throttle import Throttle
from app.ports.token_issuer import TokenIssuer
from app.ports.token_verifier import TokenVerifier
from app.ports.webhook_log import WebhookLog
from app.ports.webhook_verifier import WebhookFault, WebhookMessage, WebhookRefused, WebhookVerifier

__all__ = [
    "AddOutcome",
    "Advance",
    "AdvanceOutcome",
    "AttemptLimiter",
    "Broadcaster",
    "ChannelRepository",
    "Clock",
    "DeliveryRepository",
    "EagerStarter",
    "Membership",
    "MembershipBus",
    "MessageRepository",
    "Report",
    "RevocationBus",
    "RevocationStore",
    "SocketQuota",
    "SocketRooms",
    "StorageProbe",
    "StorageWriters",
    "StoredMessage",
    "Throttle",
    "Timer",
    "TokenIssuer",
    "TokenVerifier",
    "UnconfirmedAdvances",
    "UndeliveredPage",
    "WebhookFault",
    "WebhookLog",
    "WebhookMessage",
    "WebhookRefused",
    "WebhookVerifier",
]
