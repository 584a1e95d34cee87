"""Caches channel members for a few seconds only, because other programs change them too."""

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable, Sequence
from math import inf
from zlib import crc32

from app.concurrency.bounded_dict import BoundedDict
from app.concurrency.eager import EagerTasks
from app.domain.channel import MembershipEvent, MembershipUpdate
from app.domain.errors import Unavailable
from app.domain.ids import ChannelId, UserId
from app.ports import ChannelRepository, Clock

REFRESH_SECONDS = 2.0
"""The time for which loaded members count as fresh."""

CURRENT_SECONDS = 30.0
"""The time after which an event of another node makes this node load the members again.

Announced changes cause a load earlier, but a node of the original backend announces nothing, and
announcements may be lost.
"""

MAX_CHANNELS = 100_000
"""The maximum number of cached channels."""

_DIGESTS = 1 << 53
"""The number of different digests: JavaScript reads integers of at most 53 bits exactly."""

_logger = logging.getLogger(__name__)


class MemberCache:
    """Loads the members of a channel, unless they were loaded within the last `REFRESH_SECONDS`.

    Concurrent callers share one load. A load continues when a caller is cancelled, because other
    callers may be waiting for it.

    In a cluster, each load compares a digest of the members with the previous digest. If the digest
    has changed, the node announces it, so that the other nodes load the members, too. So a node
    need not load the members for each event that another node publishes.

    Args:
        on_loaded: A callback that receives a channel and its members. The callback must return
            quickly and must not raise.

    Attributes:
        announce: Announces the digest of a channel's members to the other nodes; None without other
            nodes.
    """

    def __init__(
        self,
        channels: ChannelRepository,
        clock: Clock,
        on_loaded: Callable[[ChannelId, frozenset[UserId]], None],
    ) -> None:
        self._channels = channels
        self._clock = clock
        self.announce: Callable[[ChannelId, int], None] | None = None
        self._tasks = EagerTasks()
        self._on_loaded = on_loaded
        self._fresh_until: BoundedDict[ChannelId, float] = BoundedDict(MAX_CHANNELS)
        # The last digest of each channel's members that this node has computed or received, with
        # the updates since then.
        self._digests: BoundedDict[ChannelId, int] = BoundedDict(MAX_CHANNELS)
        self._loads: dict[ChannelId, asyncio.Future[bool]] = {}
        # For each channel that is being loaded: the updates that arrived since the load started.
        self._updates: dict[ChannelId, list[MembershipUpdate]] = {}

    def is_fresh(self, channel_id: ChannelId) -> bool:
        """Return whether the channel's members were loaded less than `REFRESH_SECONDS` ago."""
        return self.fresh_until(channel_id) > self._clock.monotonic()

    def fresh_until(self, channel_id: ChannelId) -> float:
        """Return the monotonic time until which the members are fresh; -inf if never loaded."""
        return self._fresh_until.get(channel_id, -inf)

    def is_current(self, channel_id: ChannelId) -> bool:
        """Return whether this node need not load the members for an event of another node.

        They were loaded less than `CURRENT_SECONDS` ago, and no other node has announced another
        digest since then.
        """
        loaded_at = self.fresh_until(channel_id) - REFRESH_SECONDS
        return self._clock.monotonic() < loaded_at + CURRENT_SECONDS

    def compare(self, channel_id: ChannelId, digest: int) -> None:
        """Compare a digest that another node has announced; if it differs, invalidate the entry."""
        if self._digests.get(channel_id) != digest:
            self.invalidate(channel_id)
            self._digests[channel_id] = digest

    def invalidate_all(self) -> None:
        """Delete all entries, because announcements of other nodes may have been lost."""
        self._digests.clear()
        self._fresh_until.clear()

    async def load(self, channel_ids: Collection[ChannelId]) -> None:
        """Load the channels that are not fresh.

        One query loads all channels that are not being loaded already. The call suspends only if
        the storage suspends.

        Raises:
            Unavailable: The storage does not answer.
        """
        stale = {each for each in channel_ids if not self.is_fresh(each)}
        loads = {self._loads[each] for each in stale if each in self._loads}
        if missing := sorted(stale - self._loads.keys()):
            loads.add(self._start_load(missing))
        for load in loads:
            if not load.done():
                await asyncio.wait([load])  # unlike `await load`, this does not cancel the load
            if not load.result():
                raise Unavailable

    def invalidate(self, channel_id: ChannelId) -> None:
        """Delete the channel's entry, so that the next caller loads it again."""
        self._fresh_until.pop(channel_id, None)
        self._digests.pop(channel_id, None)

    def apply(self, update: MembershipUpdate) -> None:
        """Apply an update to the digest, and to the result of a running load.

        The query of the load may not include the change. If the update changes
        no membership, the digest is wrong until the next load, which announces the right one.
        """
        channel_id = update.channel_id
        if channel_id in self._updates:
            self._updates[channel_id].append(update)
        digest = self._digests.get(channel_id)
        if update.event is MembershipEvent.DELETED:
            self.invalidate(channel_id)
        elif digest is not None:
            change = _digest(update.user_ids)
            joined = update.event is MembershipEvent.JOINED
            self._digests[channel_id] = (digest + (change if joined else -change)) % _DIGESTS

    async def close(self) -> None:
        """Cancel the running loads, and close the `EagerTasks`."""
        loads = set(self._loads.values())
        for load in loads:
            load.cancel()
        if loads:
            await asyncio.wait(loads)
        self._tasks.close()

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
                self._fresh_until[channel_id] = fresh_until
                self._on_loaded(channel_id, members)
                if self.announce is not None:
                    digest = _digest(members)
                    if self._digests.get(channel_id) != digest:
                        self.announce(channel_id, digest)
                    self._digests[channel_id] = digest
            return True
        finally:
            for channel_id in channel_ids:
                self._loads.pop(channel_id, None)  # absent if the load never suspended
                del self._updates[channel_id]


def _digest(user_ids: Iterable[UserId]) -> int:
    """Return the sum of the users' checksums.

    Adding a user twice changes the sum twice. With XOR, the second time would undo the first, and
    then the user's removal by another program would go unnoticed. A change that leaves the sum
    unchanged, about one in four billion, is noticed after `CURRENT_SECONDS`. A stronger hash would
    take longer than reading the members from the database.
    """
    return sum(crc32(user_id.encode(errors="surrogatepass")) for user_id in user_ids) % _DIGESTS


def _updated(members: frozenset[UserId], update: MembershipUpdate) -> frozenset[UserId]:
    if update.event is MembershipEvent.JOINED:
        return members | update.user_ids
    if update.event is MembershipEvent.LEFT:
        return members - update.user_ids
    return frozenset()
