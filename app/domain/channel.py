"""Channels, their members, and changes to them."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum, StrEnum, auto

from app.domain.ids import ChannelId, UserId
from app.domain.wire import WireValue, to_iso


class ChannelType(StrEnum):
    """The original backend's types of channels. This server treats all types alike."""

    PUBLIC = "PUBLIC"
    PRIVATE = "PRIVATE"
    DM = "DM"


class MemberRole(StrEnum):
    """The original backend's roles. In this server, all members have the same permissions."""

    OWNER = "OWNER"
    ADMIN = "ADMIN"
    MEMBER = "MEMBER"


@dataclass(frozen=True, slots=True)
class Channel(WireValue):
    """A channel, with the fields that its members may see."""

    id: ChannelId
    name: str
    description: str | None
    type: ChannelType
    created_by_id: UserId
    created_at: datetime

    def to_wire(self) -> dict[str, object]:
        """``{id, name, description, type, createdById, createdAt}``."""
        return {
            "id": self.id,
            "name": self.name,
            "description": self.description,
            "type": self.type,
            "createdById": self.created_by_id,
            "createdAt": to_iso(self.created_at),
        }


@dataclass(frozen=True, slots=True)
class ChannelDraft:
    """The channel that a backend wants to create. The creator always becomes a member."""

    id: ChannelId
    name: str
    description: str | None
    type: ChannelType
    created_by_id: UserId
    member_ids: tuple[UserId, ...]

    def describes(self, channel: Channel) -> bool:
        """Whether the channel has this draft's id, name, type and creator."""
        drafted = (self.id, self.name, self.type, self.created_by_id)
        return drafted == (channel.id, channel.name, channel.type, channel.created_by_id)


@dataclass(frozen=True, slots=True)
class ChannelCreation:
    """The result of creating a channel; ``is_new`` is false if the same channel already existed."""

    channel: Channel
    is_new: bool


class MembershipOutcome(Enum):
    """The result of adding a member."""

    JOINED = auto()
    ROLE_CHANGED = auto()
    """The user was already a member, with another role."""
    NOTHING = auto()


@dataclass(frozen=True, slots=True)
class DeletedChannel(WireValue):
    """The payload of ``channel.deleted``."""

    channel_id: ChannelId

    def to_wire(self) -> dict[str, object]:
        """``{channelId}``."""
        return {"channelId": self.channel_id}


@dataclass(frozen=True, slots=True)
class MembershipChange(WireValue):
    """The payload of ``room:member:joined`` and ``room:member:left``."""

    channel_id: ChannelId
    user_id: UserId
    timestamp: datetime

    def to_wire(self) -> dict[str, object]:
        """``{channelId, userId, timestamp}``."""
        return {
            "channelId": self.channel_id,
            "userId": self.user_id,
            "timestamp": to_iso(self.timestamp),
        }


class MembershipEvent(StrEnum):
    """The kinds of membership updates."""

    JOINED = "joined"
    LEFT = "left"
    DELETED = "deleted"
    """The channel was deleted, so it has no members."""


@dataclass(frozen=True, slots=True)
class MembershipUpdate:
    """A stored change of a channel's members, as published on the `MembershipBus`."""

    event: MembershipEvent
    channel_id: ChannelId
    user_ids: frozenset[UserId]
