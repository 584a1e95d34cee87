"""The one condition that every access to a channel is under."""

from sqlalchemy import ColumnElement, exists

from app.adapters.sql.schema.tables import channel_members
from app.domain.ids import ChannelId, UserId


def belongs(channel_id: ChannelId | ColumnElement[str], user_id: UserId) -> ColumnElement[bool]:
    """Whether a user belongs to a channel, given by its id or by another table's column."""
    return exists().where(
        channel_members.c.channelId == channel_id, channel_members.c.userId == user_id
    )
