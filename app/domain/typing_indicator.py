"""The typing indicator that members of a channel receive."""

from dataclasses import dataclass
from datetime import datetime

from app.domain.ids import ChannelId, UserId
from app.domain.wire import WireValue, to_iso


@dataclass(frozen=True, slots=True)
class TypingIndicator(WireValue):
    """The documented ``TypingIndicator``: a user started or stopped typing in a channel."""

    user_id: UserId
    channel_id: ChannelId
    is_typing: bool
    timestamp: datetime

    def to_wire(self) -> dict[str, object]:
        """``{userId, channelId, isTyping, timestamp}``."""
        return {
            "userId": self.user_id,
            "channelId": self.channel_id,
            "isTyping": self.is_typing,
            "timestamp": to_iso(self.timestamp),
        }
