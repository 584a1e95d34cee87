"""The interfaces between services and adapters, with the guarantees that each adapter gives."""

from app.ports.attempt_limiter import COUNTED_SECONDS, AttemptLimiter
from app.ports.broadcaster import Broadcaster
from app.ports.clock import Clock, Timer
from app.ports.membership_bus import MembershipBus
from app.ports.nodes import ChannelEvent, NodeListener, Nodes
from app.ports.online_users import OnlineUsers
from app.ports.revocation_bus import RevocationBus
from app.ports.socket_quota import SocketQuota
from app.ports.socket_rooms import SocketRooms
from app.ports.storage.adoption_repository import AdoptionRepository
from app.ports.storage.channel_repository import ChannelRepository, Membership, seeded_name
from app.ports.storage.delivery_repository import (
    MAX_COUNTED,
    MAX_COUNTED_OF_CHANNEL,
    MAX_STATUSES,
    Advance,
    AdvanceOutcome,
    DeliveryRepository,
    RecipientsPage,
    Report,
    UndeliveredCounts,
    UndeliveredPage,
)
from app.ports.storage.message_repository import AddOutcome, MessageRepository, StoredMessage
from app.ports.storage.revocation_store import RevocationStore
from app.ports.storage.storage_probe import StorageProbe
from app.ports.storage.webhook_log import WebhookLog
from app.ports.storage.write_admission import WriteAdmission
from app.ports.throttle import Throttle
from app.ports.token_issuer import JWKS_PATH, TOKEN_TTL_SECONDS, TokenIssuer
from app.ports.token_verifier import TokenVerifier
from app.ports.webhook_verifier import WebhookFault, WebhookMessage, WebhookRefused, WebhookVerifier

__all__ = [
    "COUNTED_SECONDS",
    "JWKS_PATH",
    "MAX_COUNTED",
    "MAX_COUNTED_OF_CHANNEL",
    "MAX_STATUSES",
    "TOKEN_TTL_SECONDS",
    "AddOutcome",
    "AdoptionRepository",
    "Advance",
    "AdvanceOutcome",
    "AttemptLimiter",
    "Broadcaster",
    "ChannelEvent",
    "ChannelRepository",
    "Clock",
    "DeliveryRepository",
    "Membership",
    "MembershipBus",
    "MessageRepository",
    "NodeListener",
    "Nodes",
    "OnlineUsers",
    "RecipientsPage",
    "Report",
    "RevocationBus",
    "RevocationStore",
    "SocketQuota",
    "SocketRooms",
    "StorageProbe",
    "StoredMessage",
    "Throttle",
    "Timer",
    "TokenIssuer",
    "TokenVerifier",
    "UndeliveredCounts",
    "UndeliveredPage",
    "WebhookFault",
    "WebhookLog",
    "WebhookMessage",
    "WebhookRefused",
    "WebhookVerifier",
    "WriteAdmission",
    "seeded_name",
]
