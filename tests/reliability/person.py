"""A user who sends each message until it is acked, and edits and deletes some messages."""

import asyncio
import random
import time
from collections.abc import Iterator, Sequence

from tests.reliability.device import Device, Refused, message_key
from tests.reliability.evidence import Ack, Notes, Send
from tests.reliability.link import ConnectionLost, Unanswered
from tests.reliability.progress import Progress

LANES = 4
"""The number of messages that a person sends concurrently."""

_EDITED, _DELETED = 0.1, 0.05
"""The shares of all messages that are edited and deleted."""


class Person:
    """One user with all devices; any device may send a message, and another may repeat it.

    Args:
        doubled: The share of messages that all devices send at the same time.
        pause_seconds: The average time between two messages.
    """

    def __init__(
        self,
        user_id: str,
        channels: Sequence[str],
        devices: Sequence[Device],
        notes: Notes,
        progress: Progress,
        dice: random.Random,
        doubled: float,
        pause_seconds: float,
    ) -> None:
        self._user_id = user_id
        self._channels = channels
        self._devices = devices
        self._notes = notes
        self._progress = progress
        self._dice = dice
        self._doubled = doubled
        self._pause_seconds = pause_seconds

    async def send_all(self, messages: int) -> None:
        """Send this number of messages, several at a time."""
        numbers = iter(range(messages))
        async with asyncio.TaskGroup() as lanes:
            for _ in range(LANES):
                lanes.create_task(self._send_some(numbers))

    async def offline_counts(self) -> dict[str, int]:
        """Return the server's count of undelivered messages, by channel."""
        answer = await self._devices[0].insist("message:getOfflineCount")
        counts: dict[str, int] = answer["channels"]
        assert answer["count"] == sum(counts.values())
        return counts

    async def _send_some(self, numbers: Iterator[int]) -> None:
        for number in numbers:
            await asyncio.sleep(self._dice.uniform(0, 2 * LANES * self._pause_seconds))
            channel = self._dice.choice(self._channels)
            name = f"{self._user_id}-{number}"
            send = Send(self._user_id, channel, name, asked_at=time.monotonic())
            self._notes.sends.append(send)
            await self._send(send)
            await self._progress.note_done()
            if send.acks:
                await self._afterwards(send)

    async def _send(self, send: Send) -> None:
        while not send.acks and not send.refusals:
            if self._dice.random() < self._doubled:
                devices = list(self._devices)
            else:
                devices = [self._dice.choice(self._devices)]
            await asyncio.gather(*(self._try(send, device) for device in devices))
            if not send.acks:
                await devices[0].pause()

    async def _try(self, send: Send, device: Device) -> None:
        send.attempts += 1
        try:
            message = await device.ask("sendMessage", _payload(send))
        except (ConnectionLost, Unanswered):
            pass
        except Refused as refusal:
            if refusal.is_temporary:
                await self._progress.note_unavailable()
            else:
                send.refusals.append(refusal.code)
        else:
            ack = Ack(message_key(message), device.name, time.monotonic())
            send.acks.append(ack)

    async def _afterwards(self, send: Send) -> None:
        fate = self._dice.random()
        device = self._dice.choice(self._devices)
        message_id = send.acks[0].message.message_id
        try:
            if fate < _EDITED:
                send.edit = f"{send.client_message_id} as edited"
                await device.insist(
                    "updateMessage", {"messageId": message_id, "content": send.edit}
                )
                send.is_edit_acked = True
            elif fate < _EDITED + _DELETED:
                send.is_deletion_wanted = True
                await self._delete(send, device, message_id)
        except Refused as refusal:
            send.refusals.append(refusal.code)

    async def _delete(self, send: Send, device: Device, message_id: str) -> None:
        try:
            await device.insist("deleteMessage", {"messageId": message_id})
        except Refused as refusal:
            if refusal.code != "message_not_found":  # An earlier attempt has succeeded.
                raise
        send.is_deletion_acked = True
        try:
            await device.insist("sendMessage", _payload(send))
        except Refused as refusal:
            send.after_deletion.append(refusal.code)
        else:
            send.after_deletion.append(None)


def _payload(send: Send) -> dict[str, str]:
    return {
        "channelId": send.channel_id,
        "content": send.content,
        "clientMessageId": send.client_message_id,
    }
