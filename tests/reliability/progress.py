"""How much of a scenario is done, for those who wait for a part of it."""

import asyncio


class Progress:
    """Counts messages acked, and sends answered with ``unavailable``."""

    def __init__(self, messages: int) -> None:
        self.messages = messages
        self.acked = 0
        self.unavailable = 0
        self._news = asyncio.Condition()

    async def note_ack(self) -> None:
        """One more message is stored."""
        async with self._news:
            self.acked += 1
            self._news.notify_all()

    async def note_unavailable(self) -> None:
        """Somebody was told to come again."""
        async with self._news:
            self.unavailable += 1
            self._news.notify_all()

    async def reaches(self, share: float) -> None:
        """Wait until this share of all messages is acked."""
        async with self._news:
            await self._news.wait_for(lambda: self.acked >= share * self.messages)

    async def is_unavailable_again(self, times: int) -> None:
        """Wait until ``times`` more sends were answered so, or none are left."""
        wanted = self.unavailable + times
        async with self._news:
            await self._news.wait_for(
                lambda: self.unavailable >= wanted or self.acked == self.messages
            )
