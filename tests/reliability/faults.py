"""What goes wrong in a scenario. Each comes once when it is called, and is over when it returns."""

import asyncio
import random
import resource
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tests.e2e.server_process import ServerProcess
from tests.postgres_server import PostgresServer
from tests.reliability.progress import Progress

_KILL_DELAY_SECONDS = 0.03
_REFUSALS = 3
"""How many sends must have met a trouble of the storage before it ends."""
_LINGER_SECONDS = 3.0
"""How much longer a database is silent at most: nobody may wait a second time."""
_ROOM_BYTES = 4 * 4096


@dataclass(frozen=True, slots=True)
class Stage:
    """What there is to do harm to.

    Attributes:
        file: SQLite's.
        postgres: Where PostgreSQL is used.
    """

    servers: Sequence[ServerProcess]
    progress: Progress
    dice: random.Random
    file: Path
    postgres: PostgresServer | None


Trouble = Callable[[Stage], Awaitable[None]]


async def kill_server(stage: Stage) -> None:
    """SIGKILL at some moment, and a new start on the same data and port; of one of the nodes."""
    server = stage.dice.choice(stage.servers)
    await asyncio.sleep(stage.dice.uniform(0, _KILL_DELAY_SECONDS))
    await server.kill()
    await server.start()


async def fill_disk(stage: Stage) -> None:
    """No file of the server may be written but for its first pages."""
    (server,) = stage.servers
    before = resource.prlimit(server.pid, resource.RLIMIT_FSIZE)
    # The write-ahead log is written from its start again and again: then a transaction fails in its
    # middle.
    limit = stage.dice.randrange(_ROOM_BYTES)
    resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (limit, before[1]))
    await stage.progress.is_unavailable_again(_REFUSALS)
    resource.prlimit(server.pid, resource.RLIMIT_FSIZE, before)


async def lock_file(stage: Stage) -> None:
    """Another process, this one, has a transaction open for longer than anybody waits."""
    with closing(sqlite3.connect(stage.file, isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        await _last(stage)
        connection.execute("ROLLBACK")


async def crash_postgres(stage: Stage) -> None:
    """Its processes end at once, and are started again when that was noticed."""
    await _restart(stage, "immediate")


async def restart_postgres(stage: Stage) -> None:
    """As an operator does; it stays away until that was noticed."""
    await _restart(stage, "fast")


async def freeze_postgres(stage: Stage) -> None:
    """Its processes stand still, and go on when that was noticed, or later."""
    assert stage.postgres is not None
    with stage.postgres.frozen():
        await _last(stage)


async def _last(stage: Stage) -> None:
    """Until it was noticed, and for a while."""
    await stage.progress.is_unavailable_again(_REFUSALS)
    await asyncio.sleep(stage.dice.uniform(0, _LINGER_SECONDS))


async def _restart(stage: Stage, mode: Literal["fast", "immediate"]) -> None:
    assert stage.postgres is not None
    await asyncio.to_thread(stage.postgres.stop, mode)
    try:
        await stage.progress.is_unavailable_again(_REFUSALS)
    finally:  # others use it, too
        await asyncio.to_thread(stage.postgres.start_again)
