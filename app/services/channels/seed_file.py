"""Parses the seed file, which lists users and their channels."""

import json

from app.domain.ids import ChannelId, UserId, checked_id
from app.ports import Membership


class MalformedMembershipError(ValueError):
    """The seed file is invalid; the error's text names the invalid part."""


def parse_membership(text: str) -> Membership:
    """Parse the JSON of a seed file: ``{"userId": ["channelId", ...], ...}``.

    A channel that is listed twice for one user counts once.

    Raises:
        MalformedMembershipError: The text does not have this format.
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
