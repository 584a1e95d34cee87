"""Measures the latency of sends in a small channel while a channel of 10,000 members is busy."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from bench.credentials import credentials
from bench.failure import BenchError
from bench.generator import Generator, built_generator, reading_of
from bench.measured_servers import Peer, ours_on, prisma_on
from bench.readings import Figure, Reading, troubles
from bench.seeded_databases import SeededDatabase, seeded_databases
from bench.sending_cases import CASES
from bench.servers import Cores, RunningServer, running

SECONDS = 20.0
_WARM_UP_SECONDS = 4.0
_LARGE, _SMALL = CASES["members10000"], CASES["senders1"]
_BUSY = ("--mode", "fanout", "--rate", "20", "--conns", str(_LARGE.connected), "--senders", "1")


@dataclass(frozen=True, slots=True)
class BesideBusyChannel:
    """The latencies of acks in the small channel, on one server."""

    title: str
    alone: Reading
    beside: Reading

    def row(self) -> str:
        """Return a line of the table."""
        cells = [
            f"{each[figure] / 1000:.1f}"
            for each in (self.alone, self.beside)
            for figure in (Figure.P50_US, Figure.P99_US)
        ]
        return "| " + " | ".join([self.title, *cells]) + " |"


HEADING = (
    "| one sender in a channel of 10 | alone: p50 ms | p99 ms "
    "| beside 20 messages/s in a channel of 10,000: p50 ms | p99 ms |\n"
    "| --- | ---: | ---: | ---: | ---: |"
)


def measure(seconds: float = SECONDS) -> Iterator[BesideBusyChannel]:
    """Measure every server, first without and then with messages in the large channel.

    Raises:
        BenchError: A program is missing, a server does not start, or a server refused a message.
    """
    made, cores = credentials(), Cores.of_this_machine()
    generator = built_generator(made, cores)
    with seeded_databases() as databases:
        runs: list[tuple[str, SeededDatabase, Callable[[str], Peer]]] = [
            ("NestJS + Prisma", databases.original(), prisma_on),
            ("ours, PostgreSQL", databases.ours(), ours_on),
            ("ours, SQLite", databases.sqlite(), ours_on),
        ]
        for title, database, peer_on in runs:
            with running(peer_on(database.measured.url), made, cores) as server:
                alone = generator.run(server, _SMALL.arguments(_WARM_UP_SECONDS), seconds)
                beside = _run_beside(generator, server, seconds)
            for reading in (alone, beside):
                _check(title, reading)
            yield BesideBusyChannel(title, alone, beside)


def _run_beside(generator: Generator, server: RunningServer, seconds: float) -> Reading:
    busy = generator.start(
        server,
        (*_BUSY, "--rooms", "1", "--channels", f"{_LARGE.name}-", "--warmup", "1"),
        _WARM_UP_SECONDS + seconds + 3,
    )
    try:
        for _ in busy.stdout or ():
            break  # the generator prints its first line when the warm-up ends
        reading = generator.run(server, _SMALL.arguments(_WARM_UP_SECONDS), seconds)
    finally:
        large = reading_of(busy, 60)
    _check("the channel of 10,000 members", large)
    return reading


def _check(what: str, reading: Reading) -> None:
    found = troubles({**reading, Figure.GENERATOR_SHARE: 0})
    if found or not reading[Figure.UNITS]:
        raise BenchError(f"{what}: {', '.join(found) or 'no message'}.")
