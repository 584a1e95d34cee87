"""Lets Prisma store messages in the same tables without publishing, like the original backend."""

import asyncio
import random
import time
from uuid import uuid4

from tests.e2e.prisma_peer import PrismaClient, PrismaError
from tests.reliability.evidence import Notes, Send
from tests.reliability.participants import channels_to_send_in
from tests.reliability.progress import Progress

_AUTHOR = "carol"
_FIRST, _LAST = 0.05, 0.95
"""The progress (0 to 1) at which the original backend stores its first and last message."""
_RETRY_SECONDS = 0.1


async def store_as_prisma(
    times: int, prisma: PrismaClient, notes: Notes, progress: Progress, dice: random.Random
) -> None:
    """Store ``times`` messages, spread over the scenario. Requires PostgreSQL."""
    channels = channels_to_send_in(_AUTHOR)
    for number in range(times):
        await progress.reaches(_FIRST + number * (_LAST - _FIRST) / times)
        name, now = f"{_AUTHOR}-original-{number}", time.monotonic()
        send = Send(_AUTHOR, dice.choice(channels), name, asked_at=now, is_by_original=True)
        row = {
            "id": str(uuid4()),
            "content": send.content,
            "channelId": send.channel_id,
            "userId": _AUTHOR,
        }
        while True:
            try:
                # Skip the message if an attempt without an answer has stored it.
                await prisma.call("message", "createMany", data=[row], skipDuplicates=True)
            except PrismaError:  # The database is unavailable.
                await asyncio.sleep(_RETRY_SECONDS)
            else:
                break
        notes.sends.append(send)
