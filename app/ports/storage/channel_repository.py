"""Stores users, channels and memberships."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol, runtime_checkable

from app.domain.channel import Channel, MemberRole, MembershipOutcome
from app.domain.ids import ChannelId, UserId
from app.domain.message import User

Membership = Mapping[UserId, Sequence[ChannelId]]
"""The channels of each user, as listed in a seed file."""


def seeded_name(user_id: UserId) -> str:
    """Return a user's name for `ChannelRepository.seed`: ``Alice`` for ``user_alice``."""
    name = user_id.removeprefix("user_")
    return name[:1].upper() + name[1:]


@runtime_checkable
class ChannelRepository(Protocol):
    """Reads and changes users, channels and memberships.

    `SqlChannelRepository` and `MemoryChannelRepository` implement this port.

    Each method except `delete` is one transaction. Every method raises `Unavailable` if the storage
    fails. Nothing was changed in this case, unless the error is `Unconfirmed`: then a commit was
    interrupted, and the change may be stored.
    """

    async def channels_of(self, user_id: UserId) -> tuple[ChannelId, ...]:
        """Return the user's channels, sorted by id. An unknown user has no channels."""
        ...

    async def channels_of_all(
        self, user_ids: Collection[UserId]
    ) -> Mapping[UserId, tuple[ChannelId, ...]]:
        """Return the channels of each user, sorted by id. An unknown user has no channels."""
        ...

    async def users(self, limit: int) -> tuple[User, ...]:
        """Return the first ``limit`` users, in the storage's sort order of ids."""
        ...

    async def is_member(self, channel_id: ChannelId, user_id: UserId) -> bool:
        """Return whether the user is a member of the channel; False if either is unknown."""
        ...

    async def members_of_all(
        self, channel_ids: Collection[ChannelId]
    ) -> Mapping[ChannelId, frozenset[UserId]]:
        """Return the members of each channel. A channel that does not exist has no members."""
        ...

    async def find(self, channel_id: ChannelId) -> Channel | None:
        """Return the channel, or None if no channel has this id."""
        ...

    async def create(self, channel: Channel, roles: Mapping[UserId, MemberRole]) -> None:
        """Store a channel with its members, who join at ``channel.created_at``.

        Raises:
            ChannelExists: A channel with this id already exists.
            UserNotFound: The creator or a member does not exist.
        """
        ...

    async def add_member(
        self, channel_id: ChannelId, user_id: UserId, role: MemberRole | None, now: datetime
    ) -> MembershipOutcome:
        """Make the user a member with this role. A new member joins at ``now``.

        Without ``role``, a new member gets `MemberRole.MEMBER`, and an existing member keeps the
        role.

        Raises:
            ChannelNotFound: The channel does not exist.
            UserNotFound: The user does not exist.
        """
        ...

    async def remove_member(self, channel_id: ChannelId, user_id: UserId) -> bool:
        """Remove the user from the channel. Return False if the user was not a member.

        Raises:
            ChannelNotFound: The channel does not exist.
        """
        ...

    async def remove_members(self, channel_id: ChannelId) -> frozenset[UserId]:
        """Remove all members so that the channel can be deleted. Return the removed members.

        Raises:
            ChannelNotFound: The channel does not exist.
            ChannelInUse: Rows outside the chat's tables refer to the channel. Nothing was changed.
        """
        ...

    async def delete(self, channel_id: ChannelId) -> None:
        """Delete a channel and its messages. Call `remove_members` first.

        The deletion can take long, so it uses many transactions. If it raises `Unavailable`, only
        some messages may be deleted; the next call deletes the others. The client message ids of
        deleted messages remain in use. Does nothing if the channel does not exist.
        """
        ...

    async def seed(self, membership: Membership) -> None:
        """Create the users, channels and memberships that do not exist yet, in one transaction.

        Existing rows are not changed, so the call can be repeated. The name of a new user is
        `seeded_name`; the name of a new channel is its id.
        """
        ...
