"""A channel, who belongs to it as what, and how that changes."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum, StrEnum, auto

from app.domain.ids import ChannelId, UserId
from app.domain.wire import WireValue, to_iso


class ChannelType(StrEnum):
    """The original backend's kinds of channels; here they behave alike."""

    PUBLIC = "PUBLIC"
    PRIVATE = "PRIVATE"
    DM = "DM"


class MemberRole(StrEnum):
    """The original backend's roles; here members may all do the same."""

    OWNER = "OWNER"
    ADMIN = "ADMIN"
    MEMBER = "MEMBER"


@dataclass(frozen=True, slots=True)
class Channel(WireValue):
    """A channel, as its members may see it."""

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
    """What a backend asks to create; the creator is a member whether named or not."""

    id: ChannelId
    name: str
    description: str | None
    type: ChannelType
    created_by_id: UserId
    member_ids: tuple[UserId, ...]

    def describes(self, channel: Channel) -> bool:
        """Whether the channel may be what was asked for; its description may have been changed."""
        asked = (self.id, self.name, self.type, self.created_by_id)
        return asked == (channel.id, channel.name, channel.type, channel.created_by_id)


@dataclass(frozen=True, slots=True)
class ChannelCreation:
    """What asking for a channel has come to; one that is not new stood already, as asked for."""

    channel: Channel
    is_new: bool


class MembershipOutcome(Enum):
    """What adding a member has come to."""

    JOINED = auto()
    ROLE_CHANGED = auto()
    """They belonged to the channel before, with another role."""
    NOTHING = auto()


@dataclass(frozen=True, slots=True)
class DeletedChannel(WireValue):
    """What members hear of a channel's end."""

    channel_id: ChannelId

    def to_wire(self) -> dict[str, object]:
        """``{channelId}``."""
        return {"channelId": self.channel_id}


@dataclass(frozen=True, slots=True)
class MembershipChange(WireValue):
    """What a channel hears of a user who has come or gone."""

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
    """What may happen to memberships of a channel."""

    JOINED = "joined"
    LEFT = "left"
    ENDED = "ended"
    """The channel is deleted: whoever was a member is none."""


@dataclass(frozen=True, slots=True)
class MembershipNews:
    """What nodes tell each other of a stored change: to which users of a channel it happened."""

    event: MembershipEvent
    channel_id: ChannelId
    user_ids: frozenset[UserId]
