"""Caches the members of channels for seconds, since other processes write to the database too."""

import asyncio
import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from app.concurrency.bounded_dict import BoundedDict
from app.concurrency.eager import EagerTasks
from app.domain.channel import MembershipEvent, MembershipUpdate
from app.domain.errors import Unavailable
from app.domain.ids import ChannelId, UserId
from app.ports import ChannelRepository, Clock

REFRESH_SECONDS = 2.0
"""How long the members of a channel stay fresh after they were loaded."""

MAX_CHANNELS = 100_000
"""How many channels are cached at most."""

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Entry:
    size: int
    fresh_until: float


class MemberCache:
    """Loads the members of a channel if they were loaded more than `REFRESH_SECONDS` ago.

    Concurrent callers share one load. The load goes on when a caller is cancelled, since other
    callers wait for it.

    Args:
        on_loaded: Receives a channel and its members. It must neither raise nor take long.
    """

    def __init__(
        self,
        channels: ChannelRepository,
        clock: Clock,
        on_loaded: Callable[[ChannelId, frozenset[UserId]], None],
    ) -> None:
        self._channels = channels
        self._clock = clock
        self._tasks = EagerTasks()
        self._on_loaded = on_loaded
        self._entries: BoundedDict[ChannelId, _Entry] = BoundedDict(MAX_CHANNELS)
        self._loads: dict[ChannelId, asyncio.Future[bool]] = {}
        # The updates that arrived while a channel was being loaded.
        self._updates: dict[ChannelId, list[MembershipUpdate]] = {}

    def is_fresh(self, channel_id: ChannelId) -> bool:
        """Whether the channel need not be loaded."""
        entry = self._entries.get(channel_id)
        return entry is not None and entry.fresh_until > self._clock.monotonic()

    def size(self, channel_id: ChannelId) -> int:
        """Return the number of members at the last load; 1 if there were none, or no load."""
        entry = self._entries.get(channel_id)
        return 1 if entry is None else max(1, entry.size)

    async def load(self, channel_ids: Collection[ChannelId]) -> None:
        """Load the channels that are not fresh, and return when all are.

        One query loads all channels that are not being loaded already. This suspends only if the
        storage does.

        Raises:
            Unavailable: The storage does not answer.
        """
        stale = {each for each in channel_ids if not self.is_fresh(each)}
        loads = {self._loads[each] for each in stale if each in self._loads}
        if missing := sorted(stale - self._loads.keys()):
            loads.add(self._start_load(missing))
        for load in loads:
            if not load.done():
                await asyncio.wait([load])  # unlike `await load`, does not pass on a cancellation
            if not load.result():
                raise Unavailable

    def invalidate(self, channel_id: ChannelId) -> None:
        """Delete the channel's entry, so that the next caller loads it again."""
        self._entries.pop(channel_id, None)

    def apply(self, update: MembershipUpdate) -> None:
        """Apply an update to the load that is in progress, whose query may be older."""
        if update.channel_id in self._updates:
            self._updates[update.channel_id].append(update)

    async def close(self) -> None:
        """Cancel the loads that are in progress."""
        loads = set(self._loads.values())
        for load in loads:
            load.cancel()
        if loads:
            await asyncio.wait(loads)

    def _start_load(self, channel_ids: Sequence[ChannelId]) -> "asyncio.Future[bool]":
        load = self._tasks.start(self._load(channel_ids))
        if not load.done():
            self._loads.update(dict.fromkeys(channel_ids, load))
        return load

    async def _load(self, channel_ids: Sequence[ChannelId]) -> bool:
        fresh_until = self._clock.monotonic() + REFRESH_SECONDS
        self._updates.update((each, []) for each in channel_ids)
        try:
            stored = await self._channels.members_of_all(channel_ids)
        except Unavailable:
            _logger.warning("members of channels cannot be read; their rooms stay as they are")
            return False
        else:
            for channel_id in channel_ids:
                members = stored[channel_id]
                for update in self._updates[channel_id]:
                    members = _updated(members, update)
                self._entries[channel_id] = _Entry(len(members), fresh_until)
                self._on_loaded(channel_id, members)
            return True
        finally:
            for channel_id in channel_ids:
                self._loads.pop(channel_id, None)  # absent if the load never suspended
                del self._updates[channel_id]


def _updated(members: frozenset[UserId], update: MembershipUpdate) -> frozenset[UserId]:
    if update.event is MembershipEvent.JOINED:
        return members | update.user_ids
    if update.event is MembershipEvent.LEFT:
        return members - update.user_ids
    return frozenset()
