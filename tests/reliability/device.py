"""A device that receives messages, fetches missed ones, and reports them, as documented."""

import asyncio
import random
import time
from collections import deque
from collections.abc import Iterable
from itertools import count
from typing import Any

from tests.reliability.evidence import (
    Answer,
    Connection,
    DeviceLog,
    MessageKey,
    Notes,
    Receipt,
    Reception,
    SyncRequired,
)
from tests.reliability.link import ConnectionLost, Link, Unanswered

PAGE_SIZE = 20
_RETRY_SECONDS = (0.05, 0.2)
_REPORTS = ("message:delivered", "message:seen", None)
"""The events by which a device may report another user's message; None means no report."""
_REPORTERS = 4
_STATUSES = {"message:delivered": "DELIVERED", "message:seen": "READ"}


class Refused(Exception):
    """The server refused a request.

    Attributes:
        is_temporary: Whether the request may succeed later.
    """

    def __init__(self, code: str, *, is_temporary: bool) -> None:
        self.code = code
        self.is_temporary = is_temporary
        super().__init__(code)


class Device:
    """One client of a user. It records the received messages and receipts.

    After each connection, and when a ``seq`` is missing, the device fetches all messages after the
    highest ``seq`` up to which the channel is complete, as docs/protocol.md describes.
    """

    def __init__(
        self, log: DeviceLog, channels: Iterable[str], link: Link, notes: Notes, dice: random.Random
    ) -> None:
        self.log = log
        self.link = link
        self._notes = notes
        self._dice = dice
        # For each channel, the highest seq up to which the device has every message.
        self._complete = dict.fromkeys(channels, 0)
        self._highest = dict.fromkeys(channels, 0)
        self._incomplete: dict[str, asyncio.Event] = {name: asyncio.Event() for name in channels}
        self._reports: deque[tuple[str, str]] = deque()
        self._report_waits = asyncio.Semaphore(0)
        self._reports_open = 0
        self._known: set[str] = set()
        self._streams = count()
        self._live_stream = next(self._streams)
        link.on_event = self._on_event
        link.on_connect = self._connected

    @property
    def name(self) -> str:
        """The name of the user and the kind of the device."""
        return str(self.log)

    @property
    def is_busy(self) -> bool:
        """Whether the device has reports to send or messages to fetch."""
        return self._reports_open > 0 or any(each.is_set() for each in self._incomplete.values())

    def has_all(self, channel_id: str, last_seq: int) -> bool:
        """Whether the device has every message of the channel up to this ``seq``."""
        return self._complete[channel_id] >= last_seq

    def fetch_all(self) -> None:
        for incomplete in self._incomplete.values():
            incomplete.set()

    async def run(self) -> None:
        """Fetch messages and send reports until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for channel in self._incomplete:
                tasks.create_task(self._fetch_always(channel))
            for _ in range(_REPORTERS):
                tasks.create_task(self._report_always())

    async def ask(self, event: str, payload: object = None) -> Any:
        """Send a request, and return the data of the answer.

        Raises:
            Refused: The server answered with an error.
            ConnectionLost: The connection ended before the answer.
            Unanswered: The server did not answer. The request is recorded.
        """
        await self.link.online.wait()
        asked_at = time.monotonic()
        try:
            answer = await self.link.ask(event, payload)
        except Unanswered:
            self._notes.unanswered.append(f"{event} from {self.name}")
            raise
        code = answer.get("code")
        self._notes.answers.append(Answer(event, code, time.monotonic() - asked_at))
        if code is not None:
            raise Refused(code, is_temporary=answer["temporary"])
        return answer["data"]

    async def insist(self, event: str, payload: object = None) -> Any:
        """Repeat a request until it succeeds.

        Raises:
            Refused: The server refused it permanently.
        """
        while True:
            try:
                return await self.ask(event, payload)
            except (ConnectionLost, Unanswered):
                pass
            except Refused as refusal:
                if not refusal.is_temporary:
                    raise
            await self.pause()

    async def pause(self) -> None:
        """Wait for a random time before a request is repeated."""
        await asyncio.sleep(self._dice.uniform(*_RETRY_SECONDS))

    def _connected(self) -> None:
        self._live_stream = next(self._streams)
        self.log.connections.append(Connection(time.monotonic(), self._live_stream))
        self.fetch_all()

    def _on_event(self, event: str, payload: Any) -> None:
        match event:
            case "message.created":
                self._created(payload)
            case "message:delivered" | "message:seen":
                receipt = Receipt(payload["messageId"], payload["recipientId"], payload["status"])
                self.log.receipts.append(receipt)
            case "sync:required":
                self._sync_required(payload["channelId"], payload["afterSeq"])

    def _created(self, message: dict[str, Any]) -> None:
        channel, seq = message["channelId"], message["seq"]
        self._receive(message, self._live_stream, is_live=True)
        if seq == self._complete[channel] + 1 and not self._incomplete[channel].is_set():
            self._complete[channel] = seq
        elif seq > self._complete[channel]:
            self._highest[channel] = max(self._highest[channel], seq)
            self._incomplete[channel].set()

    def _sync_required(self, channel: str, after_seq: int) -> None:
        self.log.syncs.append(SyncRequired(channel, after_seq, self._live_stream))
        self._incomplete[channel].set()

    def _receive(self, message: dict[str, Any], stream: int, *, is_live: bool) -> None:
        key = message_key(message)
        self.log.receptions.append(Reception(key, time.monotonic(), stream, is_live))
        if key.author_id == self.log.user_id or key.message_id in self._known:
            return
        self._known.add(key.message_id)
        report = self._dice.choice(_REPORTS)
        if report is not None:
            self._reports_open += 1
            self._reports.append((report, key.message_id))
            self._report_waits.release()

    async def _fetch_always(self, channel: str) -> None:
        incomplete = self._incomplete[channel]
        while True:
            await incomplete.wait()
            try:
                await self._fetch(channel)
            except (ConnectionLost, Unanswered):
                pass  # The device fetches again after the next connection.
            except Refused as refusal:
                if not refusal.is_temporary:  # The user has left the channel.
                    incomplete.clear()
            else:
                if self._complete[channel] >= self._highest[channel]:
                    incomplete.clear()
                continue
            await self.pause()

    async def _fetch(self, channel: str) -> None:
        # Messages that arrive after this moment may be missing on the pages.
        highest = self._highest[channel]
        connections = self.link.connections
        stream = next(self._streams)
        wanted: dict[str, object] = {"channelId": channel, "afterSeq": self._complete[channel]}
        while True:
            page = await self.ask("message:getOffline", {**wanted, "limit": PAGE_SIZE})
            for message in page["messages"]:
                self._receive(message, stream, is_live=False)
                self._complete[channel] = message["seq"]
            if page["nextCursor"] is None:
                break
            wanted = {"cursor": page["nextCursor"]}
        # A lower seq that is missing on the pages belongs to a deleted message.
        self._complete[channel] = max(self._complete[channel], highest)
        if connections != self.link.connections:
            raise ConnectionLost  # The device may have missed events between the two connections.

    async def _report_always(self) -> None:
        while True:
            await self._report_waits.acquire()
            event, message_id = self._reports.popleft()
            try:
                await self.insist(event, {"messageId": message_id})
            except Refused:
                pass  # The message was deleted meanwhile, or not delivered to this user.
            else:
                receipt = Receipt(message_id, self.log.user_id, _STATUSES[event])
                self._notes.reported.append(receipt)
            finally:
                self._reports_open -= 1


def message_key(message: dict[str, Any]) -> MessageKey:
    """Return the `MessageKey` of a ``Message`` on the wire."""
    return MessageKey(message["id"], message["channelId"], message["seq"], message["userId"])
