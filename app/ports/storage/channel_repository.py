"""Users, channels and who belongs to which."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol, runtime_checkable

from app.domain.channel import Channel, MemberRole, MembershipOutcome
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
    """Every method raises `Unavailable` when the storage fails; then nothing has happened.

    Only when it is `Unconfirmed` is that not known: a commit was under way. Each method is one
    transaction, `delete` excepted.
    """

    async def channels_of(self, user_id: UserId) -> tuple[ChannelId, ...]:
        """The user's channels, sorted by id. Empty for an unknown user."""
        ...

    async def users(self, limit: int) -> tuple[User, ...]:
        """The first ``limit`` users, sorted by id as the storage sorts text."""
        ...

    async def is_member(self, channel_id: ChannelId, user_id: UserId) -> bool:
        """Whether the user belongs to the channel; False when either does not exist."""
        ...

    async def members_of_all(
        self, channel_ids: Collection[ChannelId]
    ) -> Mapping[ChannelId, frozenset[UserId]]:
        """Who belongs to each of these channels; nobody to one that does not exist."""
        ...

    async def find(self, channel_id: ChannelId) -> Channel | None:
        """The channel, if there is one with this id."""
        ...

    async def create(self, channel: Channel, roles: Mapping[UserId, MemberRole]) -> None:
        """Store a channel with its members, who have joined at ``channel.created_at``.

        Raises:
            ChannelExists: There is one with this id.
            UserNotFound: The creator or a member is not known.
        """
        ...

    async def add_member(
        self, channel_id: ChannelId, user_id: UserId, role: MemberRole | None, now: datetime
    ) -> MembershipOutcome:
        """Have the user belong to the channel in this role, from ``now`` on unless they do already.

        Without a role a newcomer is a `MemberRole.MEMBER`, and who is a member keeps theirs.

        Raises:
            ChannelNotFound: There is no such channel.
            UserNotFound: There is no such user.
        """
        ...

    async def remove_member(self, channel_id: ChannelId, user_id: UserId) -> bool:
        """Have the user belong to the channel no more; False if they do not.

        Raises:
            ChannelNotFound: There is no such channel.
        """
        ...

    async def remove_members(self, channel_id: ChannelId) -> frozenset[UserId]:
        """Have nobody belong to the channel any more, so that it may be deleted; who did.

        Raises:
            ChannelNotFound: There is no such channel.
            ChannelInUse: Something that is none of ours keeps it; nothing was changed.
        """
        ...

    async def delete(self, channel_id: ChannelId) -> None:
        """Remove a channel, which should have no members, and its messages.

        That may take long, so it is many transactions: raising `Unavailable` it may have removed
        some of the messages, and the next call goes on. Client message ids stay taken. Harmless
        when there is no such channel.
        """
        ...

    async def seed(self, membership: Membership) -> None:
        """Create what is missing of these users, channels and memberships, in one transaction.

        Repeatable: what exists is left as it is. A created user's name is the id without a
        ``user_`` prefix, capitalised; a created channel's name is its id.
        """
        ...
