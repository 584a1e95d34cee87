"""Tests of a chat on two nodes, one of which loses its connection to Redis."""

import json
from pathlib import Path

from tests.e2e.clerk import clerk_token
from tests.e2e.cuttable_link import cuttable_link
from tests.e2e.js_client import JsClient, JsDriver
from tests.e2e.nodes import NODE, READY, readiness
from tests.e2e.server_process import ServerProcess, running
from tests.redis_server import RedisServer

CHANNEL = "team"
DEGRADED = (
    200,
    {"status": "degraded", "reason": "revocations unavailable: new clients are refused"},
)


async def connected(driver: JsDriver, node: ServerProcess, user_id: str) -> JsClient:
    client = driver.connect(node.url, user_id, {"token": clerk_token({"sub": user_id})})
    await client.admitted()
    return client


async def test_other_node_publishes_a_message_when_the_node_that_stored_it_is_cut_off(
    tmp_path: Path, redis_server: RedisServer, postgres_url: str, driver: JsDriver
) -> None:
    """The message is lost on its way to Redis, and no later message reveals that it is missing."""
    seed = tmp_path / "seed.json"
    seed.write_text(json.dumps({"alice": [CHANNEL], "bob": [CHANNEL]}))
    settings = {**NODE, "DATABASE_URL": postgres_url, "SEED_FILE": str(seed)}
    async with (
        cuttable_link(redis_server.url) as link,
        running(tmp_path, {**settings, "REDIS_URL": redis_server.url}) as whole,
        running(tmp_path, {**settings, "REDIS_URL": f"redis://127.0.0.1:{link.port}"}) as cut_off,
    ):
        alice = await connected(driver, cut_off, "alice")
        bob = await connected(driver, whole, "bob")
        link.silence()
        await alice.ask("sendMessage", {"channelId": CHANNEL, "content": "hi"})
        await alice.sees("message.created")
        link.cut()
        during = await readiness(cut_off, DEGRADED)
        link.restore()
        received = await bob.sees("message.created")
        after = await readiness(cut_off, READY)
        for client in (alice, bob):
            client.disconnect()

    assert (DEGRADED, READY) == (during, after)
    assert "hi" == received["content"]
