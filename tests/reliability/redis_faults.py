"""The faults of Redis. Each function returns when all nodes have recovered from its fault."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from aiohttp import ClientSession

from tests.deadlines import ANSWER_SECONDS
from tests.e2e.cuttable_link import CuttableLink
from tests.e2e.server_process import ServerProcess
from tests.redis_server import RedisServer
from tests.reliability.evidence import Outage
from tests.reliability.faults import Stage
from tests.reliability.shared_redis import SharedRedis
from tests.reliability.visitors import visitors

_MESSAGES = 20
"""The number of messages that are sent in each outage."""
_LINGER_SECONDS = 3.0
"""The maximum time for which an outage lasts after these messages."""
_LOOK_SECONDS = 0.02
_READY = "ok"
_WITHOUT_REDIS = "degraded"
"""The status of a node without Redis."""


async def stop_redis(stage: Stage) -> None:
    """Stop Redis, and start an empty server at the same address."""
    await _outage(stage, _all_nodes(stage), _stopped(_redis(stage).server), keeps_data=False)


async def freeze_redis(stage: Stage) -> None:
    """Freeze Redis, and thaw it."""
    await _outage(stage, _all_nodes(stage), _frozen(_redis(stage).server))


async def cut_off_node(stage: Stage) -> None:
    """Break the connections between one node and Redis, and refuse new ones for a while."""
    node = stage.dice.randrange(len(stage.servers))
    await _outage(stage, (node,), _cut(_redis(stage).links[node]))


async def silence_node(stage: Stage) -> None:
    """Hold back all data between one node and Redis, and deliver it later."""
    node = stage.dice.randrange(len(stage.servers))
    await _outage(stage, (node,), _silenced(_redis(stage).links[node]))


async def fail_over_redis(stage: Stage) -> None:
    """Stop Redis, and promote a replica behind the same address."""
    redis = _redis(stage)
    subscriptions = await redis.subscriptions()
    await redis.fail_over()
    at = time.monotonic()
    seconds = await _recovery(stage, subscriptions)
    stage.notes.outages.append(Outage("failed over", frozenset(), at, at, seconds))


async def flush_redis(stage: Stage) -> None:
    """Delete all data of Redis. The nodes stay connected."""
    redis = _redis(stage)
    subscriptions = await redis.subscriptions()
    await asyncio.to_thread(redis.server.client.flushall)
    await stage.progress.advances(_MESSAGES)
    await _recovery(stage, subscriptions)


async def _outage(
    stage: Stage,
    nodes: Sequence[int],
    broken: AbstractAsyncContextManager[str],
    *,
    keeps_data: bool = True,
) -> None:
    """Let people chat while Redis is broken for some nodes, and record the outage."""
    redis, servers = _redis(stage), stage.servers
    others = [servers[node] for node in _all_nodes(stage) if node not in nodes]
    node, other = servers[nodes[0]], others[0] if others else None
    async with visitors(node, other, stage.notes, keeps_data=keeps_data) as people:
        await people.come_before()
        subscriptions = await redis.subscriptions()
        async with broken as name:
            for each in nodes:
                await _until_status(servers[each], _WITHOUT_REDIS)
            since = time.monotonic()
            await people.come_during()
            await stage.progress.advances(_MESSAGES)
            await asyncio.sleep(stage.dice.uniform(0, _LINGER_SECONDS))
            until = time.monotonic()
        seconds = await _recovery(stage, subscriptions)
        stage.notes.outages.append(Outage(name, frozenset(nodes), since, until, seconds))
        await people.come_after(recovered_at=time.monotonic())


async def _recovery(stage: Stage, subscriptions: int) -> float:
    """Wait until all nodes are ready and subscribed again; return how many seconds that took."""
    redis, began_at = _redis(stage), time.monotonic()
    async with asyncio.timeout(ANSWER_SECONDS):
        while await redis.subscriptions() < subscriptions:  # noqa: ASYNC110 - no event
            await asyncio.sleep(_LOOK_SECONDS)
    for server in stage.servers:
        await _until_status(server, _READY)
    return time.monotonic() - began_at


async def _until_status(server: ServerProcess, expected: str) -> None:
    async with asyncio.timeout(ANSWER_SECONDS), ClientSession() as http:
        while True:
            async with http.get(f"{server.url}/health/ready") as answer:
                if (await answer.json())["status"] == expected:
                    return
            await asyncio.sleep(_LOOK_SECONDS)


@asynccontextmanager
async def _stopped(server: RedisServer) -> AsyncIterator[str]:
    await asyncio.to_thread(server.stop)
    try:
        yield "stopped"
    finally:
        await asyncio.to_thread(server.start_again)


@asynccontextmanager
async def _frozen(server: RedisServer) -> AsyncIterator[str]:
    with server.frozen():
        yield "frozen"


@asynccontextmanager
async def _cut(link: CuttableLink) -> AsyncIterator[str]:
    link.cut()
    try:
        yield "one node cut off"
    finally:
        link.restore()


@asynccontextmanager
async def _silenced(link: CuttableLink) -> AsyncIterator[str]:
    link.silence()
    try:
        yield "one node silenced"
    finally:
        link.restore()


def _all_nodes(stage: Stage) -> range:
    return range(len(stage.servers))


def _redis(stage: Stage) -> SharedRedis:
    assert stage.cluster is not None
    return stage.cluster.redis
