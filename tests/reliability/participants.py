"""Who takes part in every scenario: five people, three channels, and some with two devices."""

import json
from dataclasses import dataclass
from pathlib import Path

Memberships = dict[str, tuple[str, ...]]

# Not the channels of the demo, which a development server seeds.
MEMBERSHIPS: Memberships = {
    "alice": ("lobby", "kitchen", "studio"),
    "bob": ("lobby", "kitchen"),
    "carol": ("lobby", "studio"),
    "dave": ("kitchen", "studio"),
    "erin": ("lobby", "kitchen", "studio"),
}
"""By user: the channels, overlapping."""

CHANNELS = frozenset(channel for channels in MEMBERSHIPS.values() for channel in channels)

GUEST, GUEST_CHANNEL = "erin", "studio"
"""Who is removed from a channel and added again, and never sends in it."""

SERVICE_KEY = "the-key-of-a-backend"

SETTINGS = {
    "SERVICE_KEY": SERVICE_KEY,
    # All come from one address, and often.
    "RATE_LIMIT_CONNECTS_PER_MINUTE": "100000",
    "RATE_LIMIT_FAILED_AUTH_PER_MINUTE": "100000",
    "RATE_LIMIT_EVENTS_PER_SECOND": "100000",
    "RATE_LIMIT_BURST": "100000",
    "RATE_LIMIT_RECEIPTS_PER_SECOND": "100000",
    "RATE_LIMIT_RECEIPTS_BURST": "100000",
}
"""Of the servers."""


@dataclass(frozen=True, slots=True)
class DeviceKind:
    """One device of a user, and whether it is the JavaScript client."""

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
    """Where the user is a member from beginning to end."""
    channels = MEMBERSHIPS[user_id]
    if user_id != GUEST:
        return channels
    return tuple(channel for channel in channels if channel != GUEST_CHANNEL)


def members(channel_id: str) -> frozenset[str]:
    """Who belongs to the channel, the guest included."""
    return frozenset(user for user, channels in MEMBERSHIPS.items() if channel_id in channels)


def write_seed(file: Path) -> Path:
    """The memberships as ``SEED_FILE`` has them."""
    file.write_text(json.dumps(MEMBERSHIPS))
    return file
