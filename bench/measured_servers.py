"""The servers that the bench measures, and the command that starts each."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from bench.credentials import ISSUER, PARTY, Credentials
from bench.folders import BENCH, WORK
from bench.workloads import WORKLOADS

OURS, NEST, SOCKETIO, PYTHON_SOCKETIO = "ours", "nest", "socketio", "python-socketio"
OURS_ON_SQLITE, BARE = "ours-sqlite", "bare"

SQLITE_FILE = WORK / "chat.db"
_APP = (sys.executable, "-m", "app")
_NEVER_REACHED = "1000000"

_SENDING = frozenset({"fan10", "fan10x100", "fan100", "fan1000", "fan100r", "chat"})


@dataclass(frozen=True, slots=True)
class Peer:
    """A server that the bench measures.

    Attributes:
        name: The name on the command line.
        title: The name in tables and pictures.
        command: Starts the server, which listens on ``PORT``.
        workloads: The names of the workloads that the server can run.
        settings: Environment variables of this server only.
        before: A command to run before each start, with the same environment.
        database: An SQLite file to delete before each start.
        packages: For a server in Node.js, the folder in which ``npm ci`` was run.
    """

    name: str
    title: str
    command: tuple[str, ...]
    workloads: frozenset[str]
    settings: Mapping[str, str] = field(default_factory=dict)
    before: tuple[str, ...] = ()
    database: Path | None = None
    packages: Path | None = None

    def environment(self, made: Credentials) -> dict[str, str]:
        """Return the environment variables of the server, except ``PORT``."""
        return {
            "CLERK_JWT_KEY": made.public_key,
            "CLERK_ISSUER": ISSUER,
            "CLERK_AUTHORIZED_PARTIES": PARTY,
            "CHANNELS_FILE": str(made.membership),
            "SEED_FILE": str(made.membership),
            "NODE_ENV": "production",
            **self.settings,
        }


def our_settings(database_url: str) -> dict[str, str]:
    """Return production settings: all guards are active, and the rate limits are never reached."""
    return {
        "APP_ENV": "production",
        "CORS_ORIGINS": PARTY,
        "DATABASE_URL": database_url,
        "RATE_LIMIT_EVENTS_PER_SECOND": _NEVER_REACHED,
        "RATE_LIMIT_BURST": _NEVER_REACHED,
        "RATE_LIMIT_RECEIPTS_PER_SECOND": _NEVER_REACHED,
        "RATE_LIMIT_RECEIPTS_BURST": _NEVER_REACHED,
        "MAX_CONNECTING_PER_ADDRESS": _NEVER_REACHED,
        "RATE_LIMIT_CONNECTS_PER_MINUTE": _NEVER_REACHED,
        "RATE_LIMIT_FAILED_AUTH_PER_MINUTE": _NEVER_REACHED,
        "DRAIN_SECONDS": "0",
    }


PEERS = {
    each.name: each
    for each in (
        Peer(
            OURS,
            "ours",
            command=(*_APP, "run"),
            workloads=frozenset(WORKLOADS),
            settings=our_settings("memory:"),
        ),
        Peer(
            NEST,
            "NestJS",
            command=("node", str(BENCH / "peers" / "nest" / "dist" / "main.js")),
            workloads=frozenset(WORKLOADS) - {"idle19k"},
            packages=BENCH / "peers" / "nest",
        ),
        Peer(
            SOCKETIO,
            "raw socket.io",
            command=("node", str(BENCH / "peers" / "socketio" / "server.cjs")),
            workloads=frozenset(WORKLOADS),
            packages=BENCH / "peers" / "socketio",
        ),
        Peer(
            PYTHON_SOCKETIO,
            "stock python-socketio",
            command=(sys.executable, "-m", "bench.peers.python_socketio"),
            # Each disconnect scans all rooms, so 19,000 disconnects take two minutes.
            workloads=frozenset(WORKLOADS) - {"idle19k"},
        ),
        Peer(
            OURS_ON_SQLITE,
            "ours, on SQLite",
            command=(*_APP, "run"),
            workloads=_SENDING,
            settings=our_settings(f"sqlite:///{SQLITE_FILE}"),
            before=(*_APP, "migrate"),
            database=SQLITE_FILE,
        ),
        Peer(
            BARE,
            "our framework, bare gateway",
            command=(sys.executable, "-m", "bench.peers.bare"),
            workloads=frozenset({"ack", "ack16"}),
        ),
    )
}


def ours_on(database_url: str) -> Peer:
    """Return our server, on a database that already contains the members of channels."""
    return replace(PEERS[OURS], settings={**our_settings(database_url), "SEED_FILE": ""})


def prisma_on(database_url: str) -> Peer:
    """Return the original server, which stores messages with Prisma."""
    folder = BENCH / "peers" / "nest-prisma"
    return Peer(
        "nest-prisma",
        "NestJS + Prisma",
        command=("node", str(folder / "dist" / "main.js")),
        workloads=frozenset(),
        settings={"DATABASE_URL": database_url},
        packages=folder,
    )
