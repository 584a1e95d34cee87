"""Sends the ``presence`` events of other nodes to the clients of this node."""

import asyncio
import logging
from collections import deque
from contextvars import Context
from itertools import islice

from app.ports import ChannelEvent
from app.services.room_checks import RoomChecks

EVENTS_AT_ONCE = 50
"""The maximum number of events whose rooms are checked together."""
MAX_WAITING = 10_000
"""The maximum number of events that wait until their rooms are checked.

If there are more, the oldest ones are sent without a check.
"""

_logger = logging.getLogger(__name__)


class PresenceRelay:
    """Checks the rooms of many events together, and sends the events in the order of their arrival.

    A user who connects to another node causes an event for each of the user's channels, so checking
    each channel with its own query would load the database too much.
    """

    def __init__(self, room_checks: RoomChecks) -> None:
        self._room_checks = room_checks
        self._waiting: deque[ChannelEvent] = deque()
        self._wake_up = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def receive(self, event: ChannelEvent) -> None:
        """Send an event to the channel's clients on this node, now or after checking the room."""
        if not self._waiting and self._room_checks.is_recent(event.channel_id):
            event.send()
            return
        self._waiting.append(event)
        if len(self._waiting) > MAX_WAITING:
            self._waiting.popleft().send()
        self._wake_up.set()

    async def on_module_init(self) -> None:
        """Start sending."""
        self._task = asyncio.create_task(
            self._keep_sending(), name="presence-relay", context=Context()
        )

    async def on_application_shutdown(self, _signal: str | None) -> None:
        """Stop sending. No events arrive, because the servers are closed."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _keep_sending(self) -> None:
        while True:
            await self._wake_up.wait()
            self._wake_up.clear()
            while self._waiting:
                try:
                    await self._send_batch()
                except Exception:
                    _logger.exception("presence of other nodes could not be sent")
                await asyncio.sleep(0)  # The events are written at the end of the tick.

    async def _send_batch(self) -> None:
        batch = islice(self._waiting, EVENTS_AT_ONCE)
        try:
            await self._room_checks.refresh(dict.fromkeys(event.channel_id for event in batch))
        finally:
            for _ in range(min(EVENTS_AT_ONCE, len(self._waiting))):
                self._waiting.popleft().send()
