"""Who is typing where."""

from app.domain.ids import ChannelId, UserId
from app.domain.wire import WireDate, WireModel


class TypingIndicator(WireModel):
    """The documented ``TypingIndicator``: a user started or stopped typing in a channel."""

    user_id: UserId
    channel_id: ChannelId
    is_typing: bool
    timestamp: WireDate
