"""Room names. Every room has a prefix, so that an id chosen by a client can name no other kind."""

from app.domain.ids import ChannelId, UserId


def user_room(user_id: UserId) -> str:
    """Every socket of one user."""
    return f"user:{user_id}"


def channel_room(channel_id: ChannelId) -> str:
    """Every socket of every connected member of a channel."""
    return f"channel:{channel_id}"
