"""The faults of scenarios. Each function injects one fault, and returns when the fault is over."""

import asyncio
import random
import resource
import sqlite3
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from tests.e2e.server_process import ServerProcess
from tests.postgres_server import PostgresServer
from tests.reliability.cluster import Cluster
from tests.reliability.evidence import Notes
from tests.reliability.link import Link
from tests.reliability.progress import Progress

_KILL_DELAY_SECONDS = 0.03
_REFUSALS = 3
"""The number of sends that must be refused before a storage fault ends."""
_LINGER_SECONDS = 3.0
"""The maximum time for which the database stays unavailable after `_REFUSALS` sends were refused.

Requests in this time must fail at once.
"""
_ROOM_BYTES = 4 * 4096


@dataclass(frozen=True, slots=True)
class Stage:
    """The servers and databases on which faults act.

    Attributes:
        file: The SQLite file, if the scenario uses SQLite.
        postgres: The PostgreSQL server, if the scenario uses PostgreSQL.
        cluster: The services that the servers share, if they are nodes of a cluster.
        crowd: Clients that do nothing but reconnect.
        began_at: The monotonic time at which the scenario began.
    """

    servers: Sequence[ServerProcess]
    progress: Progress
    dice: random.Random
    file: Path
    postgres: PostgresServer | None
    cluster: Cluster | None
    crowd: Sequence[Link]
    notes: Notes
    began_at: float = field(default_factory=time.monotonic)


Fault = Callable[[Stage], Awaitable[None]]


async def kill_server(stage: Stage) -> None:
    """Kill one of the servers at a random time, and start it again."""
    server = stage.dice.choice(stage.servers)
    await asyncio.sleep(stage.dice.uniform(0, _KILL_DELAY_SECONDS))
    await server.kill()
    await server.start()


async def fill_disk(stage: Stage) -> None:
    """Limit the server's files to a few pages in size. Larger writes fail, as on a full disk."""
    (server,) = stage.servers
    before = resource.prlimit(server.pid, resource.RLIMIT_FSIZE)
    # After a checkpoint, SQLite overwrites the write-ahead log from its start, so the transaction
    # that reaches the limit fails in the middle of its writes.
    limit = stage.dice.randrange(_ROOM_BYTES)
    resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (limit, before[1]))
    await stage.progress.is_unavailable_again(_REFUSALS)
    resource.prlimit(server.pid, resource.RLIMIT_FSIZE, before)


async def lock_file(stage: Stage) -> None:
    """Lock the SQLite file from this process until requests have timed out."""
    with closing(sqlite3.connect(stage.file, isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        await _last(stage)
        connection.execute("ROLLBACK")


async def crash_postgres(stage: Stage) -> None:
    """Kill PostgreSQL, and start it again after some sends were refused."""
    await _restart(stage, "immediate")


async def restart_postgres(stage: Stage) -> None:
    """Stop PostgreSQL, and start it again after some sends were refused."""
    await _restart(stage, "fast")


async def freeze_postgres(stage: Stage) -> None:
    """Freeze PostgreSQL, and thaw it at a random time after some sends were refused."""
    assert stage.postgres is not None
    with stage.postgres.frozen():
        await _last(stage)


async def _last(stage: Stage) -> None:
    """Wait until some sends were refused, and then wait for a random time."""
    await stage.progress.is_unavailable_again(_REFUSALS)
    await asyncio.sleep(stage.dice.uniform(0, _LINGER_SECONDS))


async def _restart(stage: Stage, mode: Literal["fast", "immediate"]) -> None:
    assert stage.postgres is not None
    await asyncio.to_thread(stage.postgres.stop, mode)
    try:
        await stage.progress.is_unavailable_again(_REFUSALS)
    finally:  # Other tests also use this server.
        await asyncio.to_thread(stage.postgres.start_again)
