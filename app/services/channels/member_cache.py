"""Reading who belongs to channels: again and again, since others may write to the database."""

import asyncio
import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from app.concurrency.bounded_dict import BoundedDict
from app.concurrency.eager import EagerTasks
from app.domain.channel import MembershipEvent, MembershipNews
from app.domain.errors import Unavailable
from app.domain.ids import ChannelId, UserId
from app.ports import ChannelRepository, Clock

REFRESH_SECONDS = 2.0
"""For how long a channel's members are taken for what they were."""

MAX_CHANNELS = 100_000
"""Of how many channels the last reading is remembered; a forgotten one is read again."""

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Known:
    size: int
    fresh_until: float


class MemberCache:
    """Reads a channel's members when that was last done more than `REFRESH_SECONDS` ago.

    Whoever asks while they are being read shares the reading. It goes on when they are cancelled:
    the others would otherwise take an old answer for a new one.

    Args:
        channels: The storage.
        clock: What the age of a reading is measured by.
        on_read: Is called with a channel and its members; must neither raise nor take long.
    """

    def __init__(
        self,
        channels: ChannelRepository,
        clock: Clock,
        on_read: Callable[[ChannelId, frozenset[UserId]], None],
    ) -> None:
        self._channels = channels
        self._clock = clock
        self._tasks = EagerTasks()
        self._on_read = on_read
        self._known: BoundedDict[ChannelId, _Known] = BoundedDict(MAX_CHANNELS)
        self._under_way: dict[ChannelId, asyncio.Future[bool]] = {}
        # What was heard of a channel since it was asked for.
        self._news: dict[ChannelId, list[MembershipNews]] = {}

    def is_fresh(self, channel_id: ChannelId) -> bool:
        """Whether the channel need not be read."""
        known = self._known.get(channel_id)
        return known is not None and known.fresh_until > self._clock.monotonic()

    def size(self, channel_id: ChannelId) -> int:
        """How many members the last reading found; 1 if that was none, or is not known."""
        known = self._known.get(channel_id)
        return 1 if known is None else max(1, known.size)

    async def read(self, channel_ids: Collection[ChannelId]) -> None:
        """Return when these channels are fresh.

        One question is asked for all of them that nobody is asking for already. Does not suspend
        unless the storage does.

        Raises:
            Unavailable: The storage has not answered.
        """
        stale = {each for each in channel_ids if not self.is_fresh(each)}
        readings = {self._under_way[each] for each in stale if each in self._under_way}
        if unasked := sorted(stale - self._under_way.keys()):
            readings.add(self._begin(unasked))
        for reading in readings:
            if not reading.done():
                await asyncio.wait([reading])  # so that being cancelled does not reach it
            if not reading.result():
                raise Unavailable

    def forget(self, channel_id: ChannelId) -> None:
        """Read the channel again when next asked."""
        self._known.pop(channel_id, None)

    def hear(self, news: MembershipNews) -> None:
        """Take a change for newer than what is being read, which may have been asked for before."""
        if news.channel_id in self._news:
            self._news[news.channel_id].append(news)

    async def close(self) -> None:
        """Cancel what is being read."""
        readings = set(self._under_way.values())
        for reading in readings:
            reading.cancel()
        if readings:
            await asyncio.wait(readings)
        self._tasks.close()

    def _begin(self, channel_ids: Sequence[ChannelId]) -> "asyncio.Future[bool]":
        reading = self._tasks.start(self._read(channel_ids))
        if not reading.done():
            self._under_way.update(dict.fromkeys(channel_ids, reading))
        return reading

    async def _read(self, channel_ids: Sequence[ChannelId]) -> bool:
        fresh_until = self._clock.monotonic() + REFRESH_SECONDS
        self._news.update((each, []) for each in channel_ids)
        try:
            stored = await self._channels.members_of_all(channel_ids)
        except Unavailable:
            _logger.warning("members of channels cannot be read; their rooms stay as they are")
            return False
        else:
            for channel_id in channel_ids:
                members = stored[channel_id]
                for news in self._news[channel_id]:
                    members = _after(news, members)
                self._known[channel_id] = _Known(len(members), fresh_until)
                self._on_read(channel_id, members)
            return True
        finally:
            for channel_id in channel_ids:
                self._under_way.pop(channel_id, None)  # it is not there if nothing was waited for
                del self._news[channel_id]


def _after(news: MembershipNews, members: frozenset[UserId]) -> frozenset[UserId]:
    if news.event is MembershipEvent.JOINED:
        return members | news.user_ids
    if news.event is MembershipEvent.LEFT:
        return members - news.user_ids
    return frozenset()
