"""Tests the rights in Redis that docs/operations.md gives to the server's user."""

import asyncio
import re
from collections.abc import AsyncIterator

import pytest

from app.adapters.memory.limits import MemoryAttemptLimiter, TokenBuckets
from app.adapters.redis.attempt_limiter import RedisAttemptLimiter
from app.adapters.redis.connection import RedisConnection
from app.adapters.redis.online_users import RedisOnlineUsers
from app.adapters.redis.revocation_bus import RedisRevocationBus
from app.adapters.redis.revocation_store import RedisRevocationStore
from app.adapters.redis.socket_quota import RedisSocketQuota
from app.adapters.redis.throttle import RedisThrottle
from app.adapters.redis.webhook_log import RedisWebhookLog
from app.domain.credential import Revocation
from app.domain.errors import AuthenticationCode
from app.domain.ids import UserId
from tests.contract.credentials import ALICES_TOKEN, credential
from tests.contract.taking import take
from tests.deadlines import ANSWER_SECONDS
from tests.doubles.manual_clock import ManualClock
from tests.redis_server import RedisServer
from tests.unit.adapters.redis.conftest import TIMEOUT_SECONDS
from tests.unit.docs.markdown import ROOT, blocks

(BLOCK,) = blocks(ROOT / "docs" / "operations.md", "text")
COMMANDS = {word.removeprefix("+") for word in BLOCK.code.split() if word.startswith("+")}
SCRIPTS = (ROOT / "app" / "adapters" / "redis" / "scripts").glob("*.lua")
ADDRESS = "203.0.113.7"
ALICE = UserId("user_alice")
OF_THE_TEST = {"acl|log", "auth", "config|resetstat", "info"}
"""The commands that this test sends itself, and AUTH, which every user may send."""

OF_THE_CLUSTER = {
    "psubscribe",
    "pubsub",
    "punsubscribe",
    "spublish",
    "ssubscribe",
    "sunsubscribe",
    "unsubscribe",
}
"""The commands of Socket.IO's Redis adapters, which this test does not run."""


def called(server: RedisServer) -> set[str]:
    """Return the commands that clients and scripts have called, including rejected ones."""
    return {name.removeprefix("cmdstat_") for name in server.client.info("commandstats")}


@pytest.fixture
async def limited(own_server: RedisServer, clock: ManualClock) -> AsyncIterator[RedisConnection]:
    """A connection to database 1 of a user with the documented rights."""
    command = BLOCK.code.replace("PASSWORD", "secret").split()
    own_server.client.execute_command(*command)  # type: ignore[no-untyped-call] # untyped in redis-py
    own_server.client.config_resetstat()
    url = f"redis://chatgenius:secret@127.0.0.1:{own_server.port}/1"
    connection = RedisConnection(url, TIMEOUT_SECONDS, clock)
    await connection.on_module_init()
    yield connection
    await connection.on_application_shutdown(None)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


async def test_the_documented_rights_are_those_that_the_adapters_need(
    own_server: RedisServer, limited: RedisConnection, clock: ManualClock
) -> None:
    """Redis denies nothing to a user with these rights, and each right is used."""
    bus = RedisRevocationBus(limited, TIMEOUT_SECONDS, clock)
    subscribed = asyncio.Event()
    bus.listen(lambda _: None, subscribed.set)
    await bus.on_module_init()
    await asyncio.wait_for(subscribed.wait(), ANSWER_SECONDS)
    await bus.publish(Revocation.of_user(ALICE, 12.5))
    await bus.on_module_destroy()

    store = RedisRevocationStore(limited)
    await store.add(Revocation.of_token(ALICES_TOKEN), 60)
    assert await store.contains(credential())
    webhooks = RedisWebhookLog(limited)
    await webhooks.add("msg_1", 60)
    assert await webhooks.contains("msg_1")

    refusing = MemoryAttemptLimiter(TokenBuckets(1, 1, clock), TokenBuckets(1, 1, clock), clock)
    limiter = RedisAttemptLimiter(limited, 60, 60, refusing)
    await limiter.attempt(ADDRESS)
    await limiter.failed(ADDRESS, AuthenticationCode.TOKEN_EXPIRED)

    throttle = RedisThrottle(limited, "events", 1.0, 2, 3, clock)
    assert [0.0, 0.0] == [await take(throttle, ALICE) for _ in range(2)]

    nodes = [RedisSocketQuota(limited, 3, clock) for _ in range(2)]
    for node in nodes:
        await node.on_module_init()
        await node.acquire(ALICE)
    online_users = RedisOnlineUsers(limited, nodes[0])
    await online_users.settle([ALICE])
    assert {ALICE} == await online_users.among([ALICE])
    await nodes[1].before_application_shutdown(None)
    swept = [each for _ in range(2) async for each in online_users.abandoned()]
    assert [(ALICE,)] == swept
    for node in nodes:
        await node.before_application_shutdown(None)

    of_scripts = {
        name.lower()
        for script in SCRIPTS
        for name in re.findall(r"redis\.call\('(\w+)'", script.read_text())
    }
    assert [] == own_server.client.acl_log()
    assert COMMANDS - OF_THE_CLUSTER == (called(own_server) | of_scripts) - OF_THE_TEST
