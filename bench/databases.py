"""Creates databases that sync commits, as in production, and reads their CPU time."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.failure import BenchError
from tests.postgres_server import PostgresServer

SQLITE = "SQLite"
POSTGRESQL = "PostgreSQL"
DATABASES = (SQLITE, POSTGRESQL)

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class MeasuredDatabase:
    """A database of a measurement.

    Attributes:
        server_pid: The first process of the database server, the parent of the others; None for
            SQLite.
    """

    name: str
    url: str
    server_pid: int | None

    def cpu_seconds(self) -> float:
        """Return the CPU time of the database server: 0 for SQLite, which has no server."""
        if self.server_pid is None:
            return 0.0
        return cpu_seconds_with_children(self.server_pid)


@contextmanager
def fresh_database(name: str) -> Iterator[MeasuredDatabase]:
    """Create an empty database, and remove it at the end of the block.

    The database is an SQLite file in the temporary folder, or a PostgreSQL server with ``fsync``.

    Raises:
        BenchError: There is no database with that name.
    """
    if name == SQLITE:
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            yield MeasuredDatabase(name, f"sqlite:///{Path(folder) / 'chat.db'}", None)
    elif name == POSTGRESQL:
        server = PostgresServer(fsync="on", shared_buffers="512MB")
        try:
            server.create_database("chat")
            yield MeasuredDatabase(name, server.url("chat"), server.pid)
        finally:
            server.remove()
    else:
        raise BenchError(f"There is no database {name!r}; there are {', '.join(DATABASES)}.")


def _children(parent: int) -> list[int]:
    tasks = Path(f"/proc/{parent}/task/{parent}/children")
    return [int(pid) for pid in tasks.read_text().split()]


def cpu_seconds_with_children(pid: int) -> float:
    """Return the CPU time of a process and of its child processes, also of those that ended."""
    processes = [pid, *_children(pid)]
    return sum(map(cpu_seconds_of, processes)) + cpu_seconds_of(pid, of_children=True)


def cpu_seconds_of(pid: int, *, of_children: bool = False) -> float:
    """Return the CPU time of a process; with ``of_children``, that of its ended child processes."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:  # ended: the parent's ``of_children`` includes the time
        return 0.0
    first = 13 if of_children else 11
    return sum(map(int, fields[first : first + 2])) / _TICKS_PER_SECOND
