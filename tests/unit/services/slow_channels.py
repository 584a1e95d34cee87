import asyncio
from collections.abc import Collection, Mapping

from app.adapters.memory.channel_repository import MemoryChannelRepository
from app.adapters.memory.store import MemoryStore
from app.domain.errors import Unavailable
from app.domain.ids import ChannelId, UserId


class SlowChannels(MemoryChannelRepository):
    """Answers with what stood when it was asked, but while it `hold`s not before it may.

    Attributes:
        asked: Set by every question; a test that holds answers back waits for the next one.
        may_answer: Set unless a test holds the answers back.
        questions: How many there were.
        is_down: Then the answer is a failure.
    """

    def __init__(self, store: MemoryStore) -> None:
        super().__init__(store)
        self.asked = asyncio.Event()
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.questions = 0
        self.is_down = False

    def hold(self) -> None:
        """Answer no question until `may_answer` is set."""
        self.may_answer.clear()
        self.asked.clear()

    async def channels_of(self, user_id: UserId) -> tuple[ChannelId, ...]:
        """As the class says."""
        answer = await super().channels_of(user_id)
        await self._take_time()
        return answer

    async def is_member(self, channel_id: ChannelId, user_id: UserId) -> bool:
        """As the class says."""
        answer = await super().is_member(channel_id, user_id)
        await self._take_time()
        return answer

    async def members_of_all(
        self, channel_ids: Collection[ChannelId]
    ) -> Mapping[ChannelId, frozenset[UserId]]:
        """As the class says."""
        answer = await super().members_of_all(channel_ids)
        await self._take_time()
        return answer

    async def _take_time(self) -> None:
        self.questions += 1
        self.asked.set()
        await self.may_answer.wait()
        if self.is_down:
            raise Unavailable
