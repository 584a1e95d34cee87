"""The original backend, which stores messages with Prisma in the same tables."""

import asyncio
import random
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

from tests.cluster.node_server import nest_server
from tests.e2e.prisma_peer import PrismaClient, PrismaError, prisma_client
from tests.reliability.cluster import Cluster
from tests.reliability.evidence import Notes, Send
from tests.reliability.js_link import JsLinks
from tests.reliability.link import Link
from tests.reliability.participants import channels_to_send_in, clerks_token
from tests.reliability.progress import Progress

_AUTHOR, _READER = "carol", "alice"
_FIRST, _LAST = 0.05, 0.95
"""The progress (0 to 1) at which the original backend stores its first and last message."""
_RETRY_SECONDS = 0.1
_MODES = {"sharded": "dynamic", "classic": "classic"}
"""The name of each adapter in Node.js."""


class OriginalBackend(ABC):
    """Stores messages that no server of a scenario has received."""

    @abstractmethod
    async def store(self, send: Send) -> None:
        """Store the message."""


class SilentBackend(OriginalBackend):
    """Stores messages without publishing them."""

    def __init__(self, prisma: PrismaClient) -> None:
        self._prisma = prisma

    async def store(self, send: Send) -> None:
        """See `OriginalBackend.store`. Repeat this while the database is unavailable."""
        row = {
            "id": str(uuid4()),
            "content": send.content,
            "channelId": send.channel_id,
            "userId": send.author_id,
        }
        while True:
            try:
                # Skip the message if an attempt without an answer has stored it.
                await self._prisma.call("message", "createMany", data=[row], skipDuplicates=True)
            except PrismaError:
                await asyncio.sleep(_RETRY_SECONDS)
            else:
                return


class NestBackend(OriginalBackend):
    """A NestJS gateway that is a node of the cluster: it stores messages, and publishes them.

    A client of this gateway records in ``notes`` what it receives.
    """

    def __init__(self, author: Link, reader: Link, notes: Notes) -> None:
        self._author = author
        self._notes = notes
        reader.on_event = self._received

    async def store(self, send: Send) -> None:
        """See `OriginalBackend.store`."""
        payload = {"channelId": send.channel_id, "content": send.content}
        answer = await self._author.ask("sendMessage", payload)
        assert "error" not in answer, answer

    def _received(self, event: str, payload: Any) -> None:
        if event == "message.created":
            self._notes.received_by_nest.append(payload["id"])


@asynccontextmanager
async def silent_backend(database_url: str) -> AsyncIterator[OriginalBackend]:
    """Run Prisma's client on the database of a scenario."""
    async with prisma_client(database_url) as prisma:
        yield SilentBackend(prisma)


@asynccontextmanager
async def nest_backend(
    database_url: str, cluster: Cluster, notes: Notes
) -> AsyncIterator[OriginalBackend]:
    """Run the NestJS gateway as a further node of a cluster, with two clients."""
    gateway = nest_server(cluster.redis.server.url, _MODES[cluster.adapter], database_url)
    links = JsLinks()
    await gateway.start()
    await links.start()
    try:
        url = await gateway.url()
        author, reader = [links.connect(url, clerks_token(each)) for each in (_AUTHOR, _READER)]
        backend = NestBackend(author, reader, notes)
        for link in (author, reader):
            await link.online.wait()
        yield backend
    finally:
        await links.stop()
        await gateway.stop()


async def store_all(
    times: int, backend: OriginalBackend, notes: Notes, progress: Progress, dice: random.Random
) -> None:
    """Store ``times`` messages, spread over the scenario."""
    channels = channels_to_send_in(_AUTHOR)
    for number in range(times):
        await progress.reaches(_FIRST + number * (_LAST - _FIRST) / times)
        name, now = f"{_AUTHOR}-original-{number}", time.monotonic()
        send = Send(_AUTHOR, dice.choice(channels), name, asked_at=now, is_by_original=True)
        await backend.store(send)
        notes.sends.append(send)
