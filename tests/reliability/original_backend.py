"""Simulates the original backend, which stores messages in the same tables without publishing."""

import asyncio
import random
from uuid import uuid4

from sqlalchemy.exc import SQLAlchemyError

from tests.reliability.evidence import Notes, Send
from tests.reliability.participants import channels_to_send_in
from tests.reliability.progress import Progress
from tests.reliability.storage import Storage

_AUTHOR = "carol"
_FIRST, _LAST = 0.05, 0.95
"""The progress (0 to 1) at which the original backend stores its first and last message."""
_RETRY_SECONDS = 0.1

# As in Prisma's statement, the client creates the id, and times are in UTC without a zone.
_INSERT = """
    INSERT INTO messages (id, content, "channelId", "userId", "createdAt", "updatedAt")
    VALUES (:id, :content, :channel, :author, timezone('utc', now()), timezone('utc', now()))
    ON CONFLICT (id) DO NOTHING
"""


async def store_as_prisma(
    times: int, storage: Storage, notes: Notes, progress: Progress, dice: random.Random
) -> None:
    """Store ``times`` messages, spread over the scenario. Requires PostgreSQL."""
    channels = channels_to_send_in(_AUTHOR)
    for number in range(times):
        await progress.reaches(_FIRST + number * (_LAST - _FIRST) / times)
        send = Send(
            _AUTHOR, dice.choice(channels), f"{_AUTHOR}-original-{number}", is_by_original=True
        )
        row = {
            "id": str(uuid4()),
            "content": send.content,
            "channel": send.channel_id,
            "author": _AUTHOR,
        }
        while True:
            try:
                await storage.write(_INSERT, row)
            except (OSError, SQLAlchemyError):  # The database is unavailable.
                await asyncio.sleep(_RETRY_SECONDS)
            else:
                break
        notes.sends.append(send)
