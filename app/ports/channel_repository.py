"""Users, channels and who belongs to which."""

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

from app.domain.ids import ChannelId, UserId
from app.domain.user import User

Membership = Mapping[UserId, Sequence[ChannelId]]
"""Which channels each user belongs to: the shape of a seed file."""


def seeded_name(user_id: UserId) -> str:
    """What `ChannelRepository.seed` calls a user: ``Alice`` for ``user_alice``."""
    name = user_id.removeprefix("user_")
    return name[:1].upper() + name[1:]


@runtime_checkable
class ChannelRepository(Protocol):
    """Reads raise `Unavailable` when the storage does not answer."""

    async def channels_of(self, user_id: UserId) -> tuple[ChannelId, ...]:
        """The user's channels, sorted by id. Empty for an unknown user."""
        ...

    async def users(self, limit: int) -> tuple[User, ...]:
        """The first ``limit`` users, sorted by id as the storage sorts text."""
        ...

    async def is_member(self, channel_id: ChannelId, user_id: UserId) -> bool:
        """Whether the user belongs to the channel; False when either does not exist."""
        ...

    async def seed(self, membership: Membership) -> None:
        """Create what is missing of these users, channels and memberships, in one transaction.

        Repeatable: what exists is left as it is. A created user's name is the id without a
        ``user_`` prefix, capitalised; a created channel's name is its id.
        """
        ...
