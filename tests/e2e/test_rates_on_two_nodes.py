"""Tests the rate limits of users who have sockets on two nodes with one Redis."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.e2e.clerk import clerk_token
from tests.e2e.light_client import Crowd, LightClient
from tests.e2e.nodes import Nodes, two_nodes
from tests.redis_server import RedisServer

BURST = 80
SHARE = BURST // 4
"""The number of events that each node accepts without Redis. A lease has the same size."""
EVENTS_PER_SECOND = 0.5

LIMITS = {
    "RATE_LIMIT_BURST": str(BURST),
    "RATE_LIMIT_EVENTS_PER_SECOND": str(EVENTS_PER_SECOND),
}

EVENT = "message:getMissing"
"""An unknown event. It costs one token, and needs no storage."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def nodes(
    tmp_path_factory: pytest.TempPathFactory, redis: RedisServer
) -> AsyncIterator[Nodes]:
    """Two nodes for all tests; each test has its own user."""
    async with two_nodes(tmp_path_factory.mktemp("nodes"), redis.url, **LIMITS) as nodes:
        yield nodes


async def accepted_until_refused(client: LightClient) -> tuple[int, int]:
    """Send events until one is refused. Return the number of accepted ones and ``retryAfterMs``."""
    accepted = 0
    while (answer := (await client.ask(EVENT)).data)["code"] != "rate_limited":
        accepted += 1
    assert answer["temporary"]
    return accepted, answer["retryAfterMs"]


def has_leased(redis: RedisServer, user_id: str) -> bool:
    """Return whether a node has leased tokens that the user's bucket has not yet regained."""
    return bool(redis.client.exists(f"chatgenius:rate:events:{user_id}"))


async def test_a_user_gets_one_burst_when_sockets_on_two_nodes_flood(
    nodes: Nodes, crowd: Crowd
) -> None:
    """Without a shared limit, each node would accept a burst."""
    token = clerk_token({"sub": "user_flooding"})
    began_at = time.monotonic()
    clients = [await crowd.admitted(node, token) for node in nodes]

    floods = await asyncio.gather(*map(accepted_until_refused, clients))

    seconds = time.monotonic() - began_at
    accepted = sum(count for count, _ in floods)
    assert BURST <= accepted <= BURST + EVENTS_PER_SECOND * seconds + 3 * SHARE
    assert all(0 < wait_ms <= 1_000 * BURST / EVENTS_PER_SECOND for _, wait_ms in floods)


async def test_another_node_accepts_few_events_when_the_user_has_spent_the_burst(
    nodes: Nodes, crowd: Crowd
) -> None:
    """The other node accepts its share, and at most one lease."""
    token = clerk_token({"sub": "user_moving"})
    began_at = time.monotonic()
    first, second = [await crowd.admitted(node, token) for node in nodes]

    on_first, _ = await accepted_until_refused(first)
    on_second, _ = await accepted_until_refused(second)

    refilled = EVENTS_PER_SECOND * (time.monotonic() - began_at)
    assert BURST <= on_first <= BURST + refilled
    assert SHARE <= on_second <= 2 * SHARE + refilled + SHARE * (refilled >= 1)


async def test_redis_gets_no_command_for_events_when_the_user_is_below_the_share(
    nodes: Nodes, crowd: Crowd, redis: RedisServer
) -> None:
    """The first event above the share takes a lease from Redis."""
    client = await crowd.admitted(nodes[0], clerk_token({"sub": "user_slow"}))

    below = [(await client.ask(EVENT)).data["code"] for _ in range(SHARE)]
    has_leased_below = has_leased(redis, "user_slow")
    above = [(await client.ask(EVENT)).data["code"] for _ in range(2)]

    assert ["unknown_event"] * (SHARE + 2) == below + above
    assert [False, True] == [has_leased_below, has_leased(redis, "user_slow")]


async def test_each_node_accepts_a_burst_when_redis_has_stopped(
    tmp_path: Path, crowd: Crowd
) -> None:
    """Connected users can still send events, and each node limits them by itself."""
    redis = RedisServer()
    token = clerk_token({"sub": "user_without_redis"})
    began_at = time.monotonic()
    async with two_nodes(tmp_path, redis.url, **LIMITS) as nodes:
        clients = [await crowd.admitted(node, token) for node in nodes]
        await asyncio.to_thread(redis.stop)
        floods = await asyncio.gather(*map(accepted_until_refused, clients))

    refilled = EVENTS_PER_SECOND * (time.monotonic() - began_at)
    assert all(BURST <= accepted <= BURST + refilled for accepted, _ in floods)
