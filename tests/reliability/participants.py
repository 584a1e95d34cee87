"""The participants of every scenario: five users with their devices, and three channels."""

import json
import time
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.clerk import PRODUCTION, clerk_token

Memberships = dict[str, tuple[str, ...]]

# These channels differ from those of the demo, which a development server seeds.
MEMBERSHIPS: Memberships = {
    "alice": ("lobby", "kitchen", "studio"),
    "bob": ("lobby", "kitchen"),
    "carol": ("lobby", "studio"),
    "dave": ("kitchen", "studio"),
    "erin": ("lobby", "kitchen", "studio"),
}
"""The channels of each user."""

CHANNELS = frozenset(channel for channels in MEMBERSHIPS.values() for channel in channels)

GUEST, GUEST_CHANNEL = "erin", "studio"
"""The guest is removed from this channel and added again, and never sends messages in it."""

VISITOR = "visitor"
"""The prefix of the ids of users without channels."""

TOKEN_SECONDS = 3_600

SERVICE_KEY = "the-key-of-a-backend"

SETTINGS = {
    "SERVICE_KEY": SERVICE_KEY,
    # All devices connect often, and from one address, so the limits must be high.
    "RATE_LIMIT_CONNECTS_PER_MINUTE": "100000",
    "RATE_LIMIT_FAILED_AUTH_PER_MINUTE": "100000",
    "RATE_LIMIT_EVENTS_PER_SECOND": "100000",
    "RATE_LIMIT_BURST": "100000",
    "RATE_LIMIT_RECEIPTS_PER_SECOND": "100000",
    "RATE_LIMIT_RECEIPTS_BURST": "100000",
}
"""The settings of the servers."""

NODE_SETTINGS = {
    **PRODUCTION,
    **SETTINGS,
    "CLERK_JWT_KEY": "",
    # With this setting, a client learns immediately whether it was admitted.
    "AUTH_FAILURE_MODE": "connect_error",
    "AUTH_EXPIRY_GRACE_SECONDS": "0.5",
    "REVOCATION_UNAVAILABLE": "refuse",
}
"""The settings of the nodes of a cluster."""


@dataclass(frozen=True, slots=True)
class DeviceKind:
    """A device of a user, with the JavaScript client or the Python client."""

    user_id: str
    name: str
    is_javascript: bool = False


DEVICES = (
    DeviceKind("alice", "phone"),
    DeviceKind("alice", "browser", is_javascript=True),
    DeviceKind("bob", "browser", is_javascript=True),
    DeviceKind("carol", "phone"),
    DeviceKind("carol", "tablet"),
    DeviceKind("dave", "phone"),
    DeviceKind("erin", "phone"),
    DeviceKind("erin", "tablet"),
)


def channels_to_send_in(user_id: str) -> tuple[str, ...]:
    """Return the channels that the user is always a member of."""
    channels = MEMBERSHIPS[user_id]
    if user_id != GUEST:
        return channels
    return tuple(channel for channel in channels if channel != GUEST_CHANNEL)


def members(channel_id: str) -> frozenset[str]:
    """Return the members of the channel, including the guest."""
    return frozenset(user for user, channels in MEMBERSHIPS.items() if channel_id in channels)


def clerks_token(user_id: str, seconds: int = TOKEN_SECONDS) -> str:
    """Return a token that the nodes of a cluster accept."""
    return clerk_token({"sub": user_id, "exp": int(time.time()) + seconds})


def write_seed(file: Path) -> Path:
    """Write the memberships in the format of ``SEED_FILE``."""
    file.write_text(json.dumps(MEMBERSHIPS))
    return file
