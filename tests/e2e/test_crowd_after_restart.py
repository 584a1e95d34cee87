"""Tests that all clients of one address come back when the nodes restart."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest_asyncio

from tests.e2e.clerk import clerk_token
from tests.e2e.light_client import Crowd
from tests.e2e.nodes import Nodes, two_nodes
from tests.redis_server import RedisServer
from tests.unit.adapters.clerk.key_server import KeyServer

CLIENTS = 300
CONNECTS_PER_MINUTE = 150


@pytest_asyncio.fixture(loop_scope="session")
async def issuer() -> AsyncIterator[KeyServer]:
    """A key set endpoint that replaces Clerk's endpoint."""
    issuer = KeyServer()
    await issuer.start()
    yield issuer
    await issuer.stop()


async def connect_all(nodes: Nodes, crowd: Crowd, tokens: list[str]) -> float:
    """Connect half of the clients to each node, all at once; return how many seconds that took."""
    began_at = time.monotonic()
    admitted_at = await asyncio.gather(
        *(
            crowd.retry_until_admitted(nodes[number % 2], token)
            for number, token in enumerate(tokens)
        )
    )
    return max(admitted_at) - began_at


async def test_each_node_fetches_the_keys_once_when_a_crowd_comes_back_after_a_restart(
    tmp_path: Path,
    redis: RedisServer,
    issuer: KeyServer,
    crowd: Crowd,
    record_property: Callable[[str, object], None],
) -> None:
    """All clients are admitted, although their address may make fewer attempts at once.

    The nodes have no keys when the clients connect, so all clients wait for the same fetch.
    """
    expires_at = int(time.time()) + 3_600
    tokens = [clerk_token({"sub": f"user_{each}", "exp": expires_at}) for each in range(CLIENTS)]
    settings = {
        "CLERK_JWT_KEY": "",
        "CLERK_JWKS_URL": issuer.url(),
        "RATE_LIMIT_CONNECTS_PER_MINUTE": str(CONNECTS_PER_MINUTE),
    }
    async with two_nodes(tmp_path, redis.url, **settings) as nodes:
        await connect_all(nodes, crowd, tokens)
        fetches = [issuer.requests]
        for node in nodes:
            await node.stop()
            await node.start()
        seconds = await connect_all(nodes, crowd, tokens)
        fetches.append(issuer.requests)

    record_property("all_back_seconds", seconds)
    assert [2, 4] == fetches
