"""Clients without channels that do nothing but reconnect, like many users who only read."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import cycle, islice

from tests.deadlines import PROCESS_SECONDS
from tests.reliability.link import Link
from tests.reliability.participants import VISITOR, clerks_token
from tests.reliability.python_link import PythonLink

_RETRY_SECONDS = (0.5, 5.0)
"""The pauses of ``socket.io-client``."""
_AT_ONCE = 100
"""The number of clients that connect at once before the scenario begins."""


@asynccontextmanager
async def crowd_of(number: int, urls: Sequence[str]) -> AsyncIterator[Sequence[Link]]:
    """Keep clients connected inside the block, spread over the servers."""
    links = [
        PythonLink(url, clerks_token(f"{VISITOR}_of_crowd_{each}"), _RETRY_SECONDS)
        for each, url in enumerate(islice(cycle(urls), number))
    ]
    async with asyncio.TaskGroup() as tasks:
        running = []
        async with asyncio.timeout(PROCESS_SECONDS):
            for first in range(0, number, _AT_ONCE):
                some = links[first : first + _AT_ONCE]
                running += [tasks.create_task(link.run()) for link in some]
                for link in some:
                    await link.online.wait()
        yield links
        for task in running:
            task.cancel()
