"""Tests one chat on two server processes that share a Redis Cluster and PostgreSQL."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest_asyncio

from app.domain.ids import ChannelId
from app.domain.rooms import channel_room
from tests.deadlines import ANSWER_SECONDS
from tests.e2e.clerk import clerk_token
from tests.e2e.js_client import JsClient, JsDriver
from tests.e2e.nodes import READY, Nodes, readiness, two_nodes
from tests.postgres_server import PostgresServer
from tests.redis_cluster import RedisCluster


@pytest_asyncio.fixture(loop_scope="session")
async def nodes(
    tmp_path: Path,
    own_redis_cluster: RedisCluster,
    postgres_server: PostgresServer,
    postgres_template: str,
) -> AsyncIterator[Nodes]:
    channels = [channel_on_the_first_master(own_redis_cluster)]
    seed = tmp_path / "seed.json"
    seed.write_text(json.dumps({"user_alice": channels, "user_bob": channels}))
    postgres_server.create_database("on_redis_cluster", postgres_template)
    settings = {
        "DATABASE_URL": postgres_server.url("on_redis_cluster"),
        "SEED_FILE": str(seed),
        "REVOCATION_UNAVAILABLE": "admit",
    }
    async with two_nodes(tmp_path, own_redis_cluster.url, **settings) as nodes:
        yield nodes
    postgres_server.drop_database("on_redis_cluster")


async def test_members_receive_each_message_once_and_in_order_when_a_master_fails_over(
    nodes: Nodes, own_redis_cluster: RedisCluster, driver: JsDriver
) -> None:
    """Both nodes store messages, also while the master is lost."""
    channel = channel_on_the_first_master(own_redis_cluster)
    alice, bob = [
        await connected(driver, node.url, name)
        for node, name in zip(nodes, ("alice", "bob"), strict=True)
    ]

    sent = [await send(client, channel, "before") for client in (alice, bob) * 10]
    failover = asyncio.create_task(asyncio.to_thread(own_redis_cluster.fail_over))
    while not failover.done():
        sent += [await send(client, channel, "during") for client in (alice, bob)]
    for node in nodes:
        assert READY == await readiness(node, READY)
    sent += [await send(client, channel, "after") for client in (alice, bob) * 10]

    in_order = [message["id"] for message in sorted(sent, key=lambda message: message["seq"])]
    for client in (alice, bob):
        async with asyncio.timeout(ANSWER_SECONDS):
            while len(received(client)) < len(sent):
                await client.sees("message.created")
        assert in_order == received(client)
        client.disconnect()


def channel_on_the_first_master(redis: RedisCluster) -> str:
    """Return a chat's channel whose events pass through the first master."""
    return next(
        channel
        for channel in (f"team_{number}" for number in range(1_000))
        if redis.master_of(f"socket.io#/#{channel_room(ChannelId(channel))}#") is redis.masters[0]
    )


async def connected(driver: JsDriver, url: str, name: str) -> JsClient:
    token = clerk_token({"sub": f"user_{name}", "sid": f"sess_{name}"})
    client = driver.connect(url, name, {"token": token})
    await client.admitted()
    return client


async def send(client: JsClient, channel_id: str, content: str) -> dict[str, Any]:
    answer = await client.ask("sendMessage", {"channelId": channel_id, "content": content})
    message: dict[str, Any] = answer["data"]
    return message


def received(client: JsClient) -> list[str]:
    """Return the ids of the received messages, in the order of their arrival."""
    return [each.first["id"] for each in client.log if each.event == "message.created"]
