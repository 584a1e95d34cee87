import asyncio
from collections.abc import Collection, Mapping

from app.adapters.memory.channel_repository import MemoryChannelRepository
from app.adapters.memory.store import MemoryStore
from app.domain.errors import Unavailable
from app.domain.ids import ChannelId, UserId


class SlowChannels(MemoryChannelRepository):
    """Reads the storage immediately, but delays the answer while a test holds it back.

    Every query sets ``asked``, and is counted in ``queries``. Answers are delayed while the event
    ``may_answer`` is cleared. If ``is_down`` is true, queries fail. ``most_users`` and
    ``most_channels`` are the maximum numbers in a call of `channels_of_all` and `members_of_all`.
    """

    def __init__(self, store: MemoryStore) -> None:
        super().__init__(store)
        self.asked = asyncio.Event()
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.queries = 0
        self.most_users = 0
        self.most_channels = 0
        self.is_down = False

    def hold(self) -> None:
        """Delay all answers until `may_answer` is set."""
        self.may_answer.clear()
        self.asked.clear()

    async def channels_of(self, user_id: UserId) -> tuple[ChannelId, ...]:
        answer = await super().channels_of(user_id)
        await self._take_time()
        return answer

    async def channels_of_all(
        self, user_ids: Collection[UserId]
    ) -> Mapping[UserId, tuple[ChannelId, ...]]:
        self.most_users = max(self.most_users, len(user_ids))
        answer = await super().channels_of_all(user_ids)
        await self._take_time()
        return answer

    async def is_member(self, channel_id: ChannelId, user_id: UserId) -> bool:
        answer = await super().is_member(channel_id, user_id)
        await self._take_time()
        return answer

    async def members_of_all(
        self, channel_ids: Collection[ChannelId]
    ) -> Mapping[ChannelId, frozenset[UserId]]:
        self.most_channels = max(self.most_channels, len(channel_ids))
        answer = await super().members_of_all(channel_ids)
        await self._take_time()
        return answer

    async def _take_time(self) -> None:
        self.queries += 1
        self.asked.set()
        await self.may_answer.wait()
        if self.is_down:
            raise Unavailable
