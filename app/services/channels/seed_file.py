"""Reading the file that names users and their channels."""

import json

from app.domain.ids import ChannelId, UserId, checked_id
from app.ports import Membership


class MalformedMembershipError(ValueError):
    """A seed file is not what it must be; the text says where, for the one who wrote it."""


def parse_membership(text: str) -> Membership:
    """The membership a seed file holds: ``{"userId": ["channelId", ...], ...}`` as JSON.

    A channel named twice for one user counts once.

    Raises:
        MalformedMembershipError: The text is something else.
    """
    try:
        content: object = json.loads(text)
    except json.JSONDecodeError as error:
        raise MalformedMembershipError(f"The seed is not JSON: {error}.") from error
    if not isinstance(content, dict):
        raise MalformedMembershipError(
            'The seed must be an object: {"userId": ["channelId", ...]}.'
        )
    return {
        UserId(_checked_id(user_id, "a user")): _channels_of(user_id, channels)
        for user_id, channels in content.items()
    }


def _channels_of(user_id: str, channels: object) -> tuple[ChannelId, ...]:
    if not isinstance(channels, list):
        raise MalformedMembershipError(
            f"The channels of {user_id!r} must be a list of channel ids."
        )
    ids = (ChannelId(_checked_id(channel, f"a channel of {user_id!r}")) for channel in channels)
    return tuple(dict.fromkeys(ids))


def _checked_id(candidate: object, what: str) -> str:
    try:
        return checked_id(candidate)
    except ValueError as error:
        raise MalformedMembershipError(f"The id of {what} {error}, not {candidate!r}.") from None
