"""Measures the progress of a scenario, and lets tasks wait for it."""

import asyncio


class Progress:
    """Counts finished messages, and sends that were refused as ``unavailable``."""

    def __init__(self, messages: int) -> None:
        self.messages = messages
        self.done = 0
        self.unavailable = 0
        self._changed = asyncio.Condition()

    async def note_done(self) -> None:
        async with self._changed:
            self.done += 1
            self._changed.notify_all()

    async def note_unavailable(self) -> None:
        """Count a send that was refused as ``unavailable``."""
        async with self._changed:
            self.unavailable += 1
            self._changed.notify_all()

    async def reaches(self, share: float) -> None:
        """Wait until this share of all messages is finished."""
        async with self._changed:
            await self._changed.wait_for(lambda: self.done >= share * self.messages)

    async def advances(self, messages: int) -> None:
        """Wait until this number of further messages is finished, or all messages are."""
        wanted = min(self.done + messages, self.messages)
        async with self._changed:
            await self._changed.wait_for(lambda: self.done >= wanted)

    async def is_unavailable_again(self, times: int) -> None:
        """Wait for ``times`` more sends refused as ``unavailable``, or the end of all messages."""
        wanted = self.unavailable + times
        async with self._changed:
            await self._changed.wait_for(
                lambda: self.unavailable >= wanted or self.done == self.messages
            )
