"""The faults that end processes of a cluster. Each function returns when all clients are back."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.adapters.clerk.jwks_client import REFRESH_SECONDS
from tests.deadlines import PROCESS_SECONDS
from tests.e2e.nodes import readiness
from tests.e2e.server_process import ServerProcess
from tests.e2e.worker_processes import workers_of
from tests.reliability.evidence import Exit, Restart
from tests.reliability.faults import Stage
from tests.until import until

AT_ONCE_SECONDS = 1.0
"""The maximum time in which a second SIGTERM ends a server."""

_DRAINING = (503, {"status": "unavailable", "reason": "draining"})
_STARTED = '"event":"started"'
_REPLACED = '"event":"all workers were restarted"'


async def drain_server(stage: Stage) -> None:
    """Stop a server with SIGTERM, and start it again."""
    server = stage.dice.choice(stage.servers)
    async with _restart(stage, "drained"):
        signalled_at = time.monotonic()
        server.signal(signal.SIGTERM)
        ready = await readiness(server, _DRAINING)
        await _exit(stage, server, signalled_at, float(server.settings["DRAIN_SECONDS"]), code=0)
        await server.start()
    assert ready == _DRAINING


async def stop_server_at_once(stage: Stage) -> None:
    """Stop a server with two SIGTERM signals, and start it again."""
    server = stage.dice.choice(stage.servers)
    async with _restart(stage, "stopped at once"):
        server.signal(signal.SIGTERM)
        await readiness(server, _DRAINING)
        signalled_at = time.monotonic()
        server.signal(signal.SIGTERM)
        await _exit(stage, server, signalled_at, AT_ONCE_SECONDS, code=-signal.SIGTERM)
        await server.start()


async def kill_node(stage: Stage) -> None:
    """Kill a server, and start it again."""
    server = stage.dice.choice(stage.servers)
    async with _restart(stage, "killed"):
        await server.kill()
        await server.start()


async def replace_workers(stage: Stage) -> None:
    """Replace the workers of the server one after another."""
    (server,) = stage.servers
    async with _restart(stage, "workers replaced"):
        replaced = server.err.count(_REPLACED)
        server.signal(signal.SIGUSR2)
        await _logged(server, _REPLACED, replaced + 1)


async def kill_worker(stage: Stage) -> None:
    """Kill a worker, which the server starts again."""
    (server,) = stage.servers
    async with _restart(stage, "worker killed"):
        started = server.err.count(_STARTED)
        os.kill(stage.dice.choice(workers_of(server)), signal.SIGKILL)
        await _logged(server, _STARTED, started + 1)


@asynccontextmanager
async def _restart(stage: Stage, name: str) -> AsyncIterator[None]:
    """Record how long it takes until all clients are back, and how often keys were fetched."""
    assert stage.cluster is not None
    issuer = stage.cluster.issuer
    fetched, started = issuer.requests, _starts(stage)
    yield
    began_at = time.monotonic()
    async with asyncio.timeout(PROCESS_SECONDS):
        for link in stage.crowd:
            await link.online.wait()
    seconds = time.monotonic() - began_at
    fetches, starts = issuer.requests - fetched, _starts(stage) - started
    stage.notes.restarts.append(
        Restart(name, len(stage.crowd), seconds, fetches, starts, _renewals(stage))
    )


def _renewals(stage: Stage) -> int:
    """Return how many processes may have renewed their keys during the restart that has ended."""
    if time.monotonic() - stage.began_at < REFRESH_SECONDS:
        return 0
    return sum(len(workers_of(server)) or 1 for server in stage.servers)


def _starts(stage: Stage) -> int:
    return sum(server.err.count(_STARTED) for server in stage.servers)


async def _exit(
    stage: Stage, server: ServerProcess, since: float, max_seconds: float, code: int
) -> None:
    exit_code = await server.ended()
    seconds = time.monotonic() - since
    stage.notes.exits.append(Exit(exit_code, code, seconds, max_seconds))


async def _logged(server: ServerProcess, event: str, times: int) -> None:
    await until(lambda: server.err.count(event) >= times, PROCESS_SECONDS)
