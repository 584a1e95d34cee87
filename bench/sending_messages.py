"""Compares the cost of a stored message in this server and in the original, which uses Prisma."""

import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.credentials import Credentials, credentials
from bench.failure import BenchError
from bench.generator import Generator, built_generator
from bench.measured_servers import Peer, ours_on, prisma_on
from bench.readings import Figure, troubles
from bench.seeded_databases import SeededDatabase, SeededDatabases, seeded_databases
from bench.sending_cases import Case
from bench.servers import Cores, running

SECONDS = 4.0
_WARM_UP_SECONDS = 4.0
_REPORTED_SECONDS = 8.0
"""The time of cases with reports: the original needs over a second for 1,000 reports."""


@dataclass(frozen=True, slots=True)
class Sent:
    """The mean cost of a message in one run.

    Attributes:
        server_us: CPU time of the server.
        database_us: CPU time of PostgreSQL; 0 for SQLite, which runs in the server.
        written_bytes: Bytes of WAL; for SQLite, the bytes that the server wrote to disk.
        written_rows: Rows that were inserted, updated or deleted; None for SQLite.
    """

    server_us: float
    database_us: float
    written_bytes: float
    written_rows: float | None

    @property
    def us(self) -> float:
        """Return the CPU time of server and database."""
        return self.server_us + self.database_us


@dataclass(frozen=True, slots=True)
class SendingComparison:
    """The medians of all rounds of one case, for each server."""

    title: str
    prisma: Sent
    postgres: Sent
    sqlite: Sent

    def row(self) -> str:
        """Return a line of the table."""
        cells = [self.title, _cpu(self.prisma)]
        for ours in (self.postgres, self.sqlite):
            cells += [_cpu(ours), f"{self.prisma.us / ours.us:.2f}"]
        every = (self.prisma, self.postgres, self.sqlite)
        cells += [f"{each.written_bytes / 1000:,.1f}" for each in every]
        cells += [f"{each.written_rows:,.1f}" for each in every if each.written_rows is not None]
        return "| " + " | ".join(cells) + " |"


HEADING = (
    "| case | NestJS + Prisma: CPU µs, server + PostgreSQL | ours, PostgreSQL | times as cheap "
    "| ours, SQLite | times as cheap | kB written: Prisma | ours, PostgreSQL | ours, SQLite "
    "| rows written: Prisma | ours, PostgreSQL |\n"
    "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
)


def compare(
    cases: Sequence[Case], rounds: int, seconds: float = SECONDS
) -> Iterator[SendingComparison]:
    """Measure each case. In each round every server runs once, on a new copy of its database.

    Raises:
        BenchError: A program is missing, a server does not start, or a server refused a message.
    """
    if not cases:
        return
    made, cores = credentials(), Cores.of_this_machine()
    generator = built_generator(made, cores)
    with seeded_databases() as databases:
        bench = _Bench(generator, made, cores, databases, seconds)
        for case in cases:
            found = [bench.round(case, is_odd=bool(number % 2)) for number in range(rounds)]
            prisma, postgres, sqlite = map(_median, zip(*found, strict=True))
            yield SendingComparison(case.title, prisma, postgres, sqlite)


@dataclass(frozen=True, slots=True)
class _Bench:
    generator: Generator
    made: Credentials
    cores: Cores
    databases: SeededDatabases
    seconds: float

    def round(self, case: Case, *, is_odd: bool) -> list[Sent]:
        """Measure every server once, in reverse order if ``is_odd``; return a fixed order."""
        runs: list[Callable[[], Sent]] = [
            lambda: self._run(case, self.databases.original(), prisma_on),
            lambda: self._run(case, self.databases.ours(), ours_on),
            lambda: self._run(case, self.databases.sqlite(), ours_on),
        ]
        found = [run() for run in (reversed(runs) if is_odd else runs)]
        return found[::-1] if is_odd else found

    def _run(self, case: Case, database: SeededDatabase, peer_on: Callable[[str], Peer]) -> Sent:
        peer = peer_on(database.measured.url)
        before = database.read_counts()
        with running(peer, self.made, self.cores) as server:
            wrote = _written_bytes(server.pid)
            reading, database_seconds = self.generator.run_beside(
                server,
                case.arguments(_WARM_UP_SECONDS),
                _REPORTED_SECONDS if case.are_reported else self.seconds,
                database.measured.cpu_seconds,
            )
            wrote = _written_bytes(server.pid) - wrote
        found = troubles({**reading, Figure.GENERATOR_SHARE: 0})
        if found or not reading[Figure.UNITS]:
            raise BenchError(f"{peer.title}, {case.title}: {', '.join(found) or 'no ack'}.")
        after = database.read_counts()
        messages = after.messages - before.messages
        if before.written_bytes is not None and after.written_bytes is not None:
            wrote = after.written_bytes - before.written_bytes
        rows = None
        if before.written_rows is not None and after.written_rows is not None:
            rows = (after.written_rows - before.written_rows) / messages
        return Sent(
            server_us=reading[Figure.CPU_US] * case.units_per_message,
            database_us=1e6 * database_seconds / reading[Figure.UNITS] * case.units_per_message,
            written_bytes=wrote / messages,
            written_rows=rows,
        )


def _written_bytes(pid: int) -> int:
    """Return the number of bytes that the process has written to disks so far."""
    lines = Path(f"/proc/{pid}/io").read_text().splitlines()
    return int(dict(line.split(": ") for line in lines)["write_bytes"])


def _median(found: Sequence[Sent]) -> Sent:
    rows = [each.written_rows for each in found if each.written_rows is not None]
    return Sent(
        server_us=statistics.median(each.server_us for each in found),
        database_us=statistics.median(each.database_us for each in found),
        written_bytes=statistics.median(each.written_bytes for each in found),
        written_rows=statistics.median(rows) if rows else None,
    )


def _cpu(sent: Sent) -> str:
    """Return the CPU time of a message as text: the server's, plus PostgreSQL's if it was used."""
    return " + ".join(f"{us:,.0f}" for us in (sent.server_us, sent.database_us) if us)
