"""Checks the rooms of channels before presence is published to them, at most once a minute."""

from collections.abc import Iterable
from contextlib import suppress
from math import inf

from app.domain.errors import Unavailable
from app.domain.ids import ChannelId
from app.ports import Clock
from app.services.room_sync import RoomSync

ROOM_KEPT_SECONDS = 60.0
"""The maximum age of the last check of a channel's room when presence is published to it.

For other events, the maximum age is two seconds. Presence concerns all channels of a user,
so checking them so often would load the database too much.
"""
MAX_CHANNELS = 100_000
"""The maximum number of channels whose first use is remembered; others are always checked."""
CHANNELS_PER_QUERY = 10
"""The maximum number of channels whose members are loaded by one query.

Some channels may have 10,000 members. The answer to a larger query would block the event loop for
too long, and the storage might cancel the query.
"""


class RoomChecks:
    """Loads the members of channels whose rooms were not checked recently.

    The first presence of a channel is published without a check: most sockets in its room have just
    connected, and their memberships were read from the storage.
    """

    def __init__(self, room_sync: RoomSync, clock: Clock) -> None:
        self._room_sync = room_sync
        self._clock = clock
        self._first_used_at: dict[ChannelId, float] = {}
        """The monotonic time of the first check of each channel."""

    def is_recent(self, channel_id: ChannelId) -> bool:
        """Return whether the channel's room need not be checked now."""
        now = self._clock.monotonic()
        if channel_id not in self._first_used_at and len(self._first_used_at) < MAX_CHANNELS:
            self._first_used_at[channel_id] = now
        first_used_at = self._first_used_at.get(channel_id, -inf)
        return now < max(first_used_at, self._room_sync.fresh_until(channel_id)) + ROOM_KEPT_SECONDS

    async def refresh(self, channel_ids: Iterable[ChannelId]) -> None:
        """Check the rooms that were not checked recently.

        While the storage does not answer, the rooms stay as they are. The call suspends only if it
        loads members.
        """
        outdated = [each for each in channel_ids if not self.is_recent(each)]
        with suppress(Unavailable):
            for start in range(0, len(outdated), CHANNELS_PER_QUERY):
                await self._room_sync.refresh_all(outdated[start : start + CHANNELS_PER_QUERY])
