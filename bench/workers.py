"""``make workers``: measures one, two and four workers, on PostgreSQL and Redis.

Workers, databases and load generator share the machine's cores. Compare the CPU time per delivery:
the number of deliveries would be greater on separate machines.
"""

import json
import statistics
import sys
import time
from argparse import ArgumentParser
from dataclasses import dataclass, replace

from bench.credentials import Credentials, channels_of, credentials, user_id
from bench.databases import cpu_seconds_with_children
from bench.failure import BenchError
from bench.folders import WORK
from bench.generator import Generator, built_generator
from bench.machine import machine
from bench.measured_servers import Peer, ours_on
from bench.readings import Figure, troubles
from bench.seeded_databases import run_app
from bench.servers import Cores, running
from bench.workloads import WORKLOADS
from tests.postgres_server import PostgresServer
from tests.redis_server import RedisServer

COUNTS = (1, 2, 4)
SECONDS = 6.0
_LOADS = {"10": WORKLOADS["fan10x100"], "100": WORKLOADS["fan100"]}
"""The workloads by the number of members of a room."""
_USERS = 1_000
"""The number of users in these workloads."""
_SEEDED = "seeded"
_START_SECONDS = 60.0

HEADING = (
    "| members | workers | deliveries per second | µs of the workers' CPU per delivery |\n"
    "| ---: | ---: | ---: | ---: |"
)


@dataclass(frozen=True, slots=True)
class _Sample:
    per_second: float
    us: float
    """The workers' CPU time per delivery."""


def main(arguments: list[str]) -> None:
    """Print a line for each size of a room and each number of workers: the medians of the rounds.

    Raises:
        BenchError: A program is missing, or a server failed.
    """
    parser = ArgumentParser(prog="make workers ARGS=...", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args(arguments).rounds
    made = credentials()
    # All programs use all cores: two workers on one core would show nothing.
    cores = Cores(None, None)
    generator = built_generator(made, cores)
    print(f"{machine()}\n\n{HEADING}", flush=True)
    postgres = PostgresServer(fsync="on", shared_buffers="512MB", max_wal_size="8GB")
    try:
        bench = _Bench(generator, made, cores, postgres)
        bench.seed()
        for members in _LOADS:
            found: dict[int, list[_Sample]] = {count: [] for count in COUNTS}
            for number in range(rounds):
                for count in COUNTS[:: -1 if number % 2 else 1]:
                    found[count].append(
                        bench.sample(members, count, f"chat_{number}_{count}_{members}")
                    )
            for count, samples in found.items():
                print(_row(members, count, samples), flush=True)
    finally:
        postgres.remove()


@dataclass(frozen=True, slots=True)
class _Bench:
    generator: Generator
    made: Credentials
    cores: Cores
    postgres: PostgresServer

    def seed(self) -> None:
        """Create a database with the users and channels."""
        members = {user_id(user): channels_of(user) for user in range(_USERS)}
        seed = WORK / "workers.json"
        seed.write_text(json.dumps(members))
        self.postgres.create_database(_SEEDED)
        run_app(self.postgres.url(_SEEDED), "migrate")
        run_app(self.postgres.url(_SEEDED), "seed", str(seed))

    def sample(self, members: str, workers: int, database: str) -> _Sample:
        """Run the load on a copy of the database."""
        self.postgres.create_database(database, _SEEDED)
        redis = RedisServer()
        try:
            peer = _with_workers(self.postgres.url(database), redis.url, workers)
            with running(peer, self.made, self.cores) as server:
                _wait_until_started(peer, workers)
                reading, used_seconds = self.generator.run_beside(
                    server,
                    _LOADS[members].arguments,
                    SECONDS,
                    lambda: cpu_seconds_with_children(server.pid),
                )
        finally:
            redis.stop()
        found = troubles({**reading, Figure.GENERATOR_SHARE: 0})
        if found:
            raise BenchError(f"{workers} workers: {', '.join(found)}.")
        return _Sample(reading[Figure.PER_SECOND], used_seconds / reading[Figure.UNITS] * 1e6)


def _with_workers(database_url: str, redis_url: str, workers: int) -> Peer:
    peer = ours_on(database_url)
    settings = {**peer.settings, "REDIS_URL": redis_url, "WEB_CONCURRENCY": str(workers)}
    return replace(peer, name=f"workers{workers}", settings=settings)


def _wait_until_started(peer: Peer, workers: int) -> None:
    """Wait for all workers: the port is open when the first one listens."""
    log = WORK / f"{peer.name}.log"
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end:
        if log.read_text().count('"event":"started"') == workers:
            return
        time.sleep(0.1)
    raise BenchError(f"not all workers started; see {log}.")


def _row(members: str, count: int, samples: list[_Sample]) -> str:
    per_second = statistics.median(each.per_second for each in samples)
    us = statistics.median(each.us for each in samples)
    return f"| {members} | {count} | {per_second:,.0f} | {us:.1f} |"


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except BenchError as error:
        sys.exit(str(error))
