"""How much of a scenario is done, for those who wait for a part of it."""

import asyncio


class Progress:
    """Counts messages that are through, and sends answered with ``unavailable``."""

    def __init__(self, messages: int) -> None:
        self.messages = messages
        self.done = 0
        self.unavailable = 0
        self._news = asyncio.Condition()

    async def note_done(self) -> None:
        """One more message is stored, or refused for good."""
        async with self._news:
            self.done += 1
            self._news.notify_all()

    async def note_unavailable(self) -> None:
        """Somebody was told to come again."""
        async with self._news:
            self.unavailable += 1
            self._news.notify_all()

    async def reaches(self, share: float) -> None:
        """Wait until this share of all messages is through."""
        async with self._news:
            await self._news.wait_for(lambda: self.done >= share * self.messages)

    async def is_unavailable_again(self, times: int) -> None:
        """Wait until ``times`` more sends were answered so, or none are left."""
        wanted = self.unavailable + times
        async with self._news:
            await self._news.wait_for(
                lambda: self.unavailable >= wanted or self.done == self.messages
            )
