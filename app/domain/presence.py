"""Whether the members of a channel are online."""

from dataclasses import dataclass

from app.domain.ids import ChannelId, UserId
from app.domain.wire import WireValue


@dataclass(frozen=True, slots=True)
class MemberPresence(WireValue):
    """Whether a member of a channel has a socket on any node."""

    user_id: UserId
    online: bool

    def to_wire(self) -> dict[str, object]:
        """``{userId, online}``."""
        return {"userId": self.user_id, "online": self.online}


@dataclass(frozen=True, slots=True)
class PresenceChange(WireValue):
    """The payload of ``presence``: a member of the channel came online or went offline."""

    channel_id: ChannelId
    user_id: UserId
    online: bool

    def to_wire(self) -> dict[str, object]:
        """``{channelId, userId, online}``."""
        return {"channelId": self.channel_id, "userId": self.user_id, "online": self.online}
