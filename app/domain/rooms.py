"""Names of rooms.

Each kind of room has a prefix, so an id from a client cannot name a room of another kind.
"""

from app.domain.ids import ChannelId, UserId


def user_room(user_id: UserId) -> str:
    """Return the room of all sockets of a user."""
    return f"user:{user_id}"


def channel_room(channel_id: ChannelId) -> str:
    """Return the room of all sockets of a channel's members."""
    return f"channel:{channel_id}"
