"""Creates the databases for comparing stored messages; they contain the members of all cases."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from bench.databases import POSTGRESQL, MeasuredDatabase
from bench.failure import BenchError
from bench.folders import BENCH, CHECKOUT
from bench.sending_cases import membership
from tests.postgres_server import PostgresServer

_APP_SECONDS = 300.0
_ORIGINAL, _OURS = "original", "ours"
_TABLES = BENCH / "peers" / "nest-prisma" / "prisma" / "tables.sql"
# Selects the LSN, the number of messages and the number of written rows.
_READ_COUNTS = """
SELECT pg_current_wal_lsn() - '0/0', (SELECT count(*) FROM messages),
    tup_inserted + tup_updated + tup_deleted
FROM pg_stat_database WHERE datname = current_database()
"""


@dataclass(frozen=True, slots=True)
class Counts:
    """The totals of a database at one moment.

    Attributes:
        messages: The number of stored messages.
        written_bytes: PostgreSQL's bytes of WAL. None for SQLite.
        written_rows: Rows that were inserted, updated or deleted. None for SQLite.
    """

    messages: int
    written_bytes: int | None = None
    written_rows: int | None = None


@dataclass(frozen=True, slots=True)
class SeededDatabase:
    """A database for one run of a server.

    Attributes:
        read_counts: Reads the counts. Call it only while no server uses the database, because
            PostgreSQL counts the rows of a connection only when the connection is idle or closed.
    """

    measured: MeasuredDatabase
    read_counts: Callable[[], Counts]


class SeededDatabases:
    """Copies seeded databases. Created by `seeded_databases`.

    Args:
        folder: The folder of SQLite files, with the template ``ours``.
        server: The PostgreSQL server, with the templates ``original`` and ``ours``.
    """

    def __init__(self, folder: Path, server: PostgresServer) -> None:
        self._folder = folder
        self._server = server
        self._numbers = count()

    def original(self) -> SeededDatabase:
        """Return a database with only the tables of the original backend."""
        return self._copied(_ORIGINAL)

    def ours(self) -> SeededDatabase:
        """Return a database that our migrations have extended."""
        return self._copied(_OURS)

    def sqlite(self) -> SeededDatabase:
        """Return an SQLite database with our tables."""
        file = self._folder / f"{next(self._numbers)}.db"
        shutil.copyfile(self._folder / _OURS, file)
        return SeededDatabase(
            MeasuredDatabase("SQLite", f"sqlite:///{file}", None), lambda: _sqlite_counts(file)
        )

    def _copied(self, template: str) -> SeededDatabase:
        name = f"{template}_{next(self._numbers)}"
        self._server.create_database(name, template)
        measured = MeasuredDatabase(POSTGRESQL, self._server.url(name), self._server.pid)
        return SeededDatabase(measured, lambda: _postgres_counts(self._server, name))


@contextmanager
def seeded_databases() -> Iterator[SeededDatabases]:
    """Create the seeded databases; remove them and all copies at the end of the block.

    Raises:
        BenchError: Our migrations failed.
    """
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        seed = folder / "members.json"
        seed.write_text(json.dumps(membership()))
        run_app(f"sqlite:///{folder / _OURS}", "migrate")
        run_app(f"sqlite:///{folder / _OURS}", "seed", str(seed))
        server = PostgresServer(fsync="on", shared_buffers="512MB", max_wal_size="8GB")
        try:
            server.create_database(_ORIGINAL)
            server.execute(f"{_TABLES.read_text()};{_rows()}", _ORIGINAL)
            server.create_database(_OURS, _ORIGINAL)
            run_app(server.url(_OURS), "migrate")
            # Not the empty tables, because nothing vacuums the empty tables of a new database.
            server.execute("VACUUM ANALYZE users, channels, channel_members", _ORIGINAL)
            server.execute("VACUUM ANALYZE users, channels, channel_members, memberships", _OURS)
            yield SeededDatabases(folder, server)
        finally:
            server.remove()


def _rows() -> str:
    """Return the SQL that inserts the users, channels and members."""
    members = membership()
    channels = sorted({channel for found in members.values() for channel in found})
    users = ",".join(f"('{user}', now())" for user in members)
    owned = ",".join(f"('{each}', '{each}', '{next(iter(members))}', now())" for each in channels)
    pairs = ",".join(f"('{each}', '{user}')" for user, found in members.items() for each in found)
    return f"""
        INSERT INTO users (id, "updatedAt") VALUES {users};
        INSERT INTO channels (id, name, "createdById", "updatedAt") VALUES {owned};
        INSERT INTO channel_members ("channelId", "userId") VALUES {pairs};
    """  # noqa: S608 - the ids come from the bench itself


def run_app(url: str, *arguments: str) -> None:
    """Run a command of the application on a database.

    Raises:
        BenchError: The command failed.
    """
    done = subprocess.run(
        (sys.executable, "-m", "app", *arguments),
        cwd=CHECKOUT,
        env={"PATH": os.environ["PATH"], "DATABASE_URL": url},
        capture_output=True,
        text=True,
        timeout=_APP_SECONDS,
        check=False,
    )
    if done.returncode:
        raise BenchError(f"{arguments[0]} failed: {done.stderr.strip()}")


def _postgres_counts(server: PostgresServer, name: str) -> Counts:
    ((lsn, messages, rows),) = server.execute(_READ_COUNTS, name)
    return Counts(int(messages), int(lsn), int(rows))


def _sqlite_counts(file: Path) -> Counts:
    with closing(sqlite3.connect(file)) as connection:
        ((messages,),) = connection.execute("SELECT count(*) FROM messages")
        return Counts(messages)
