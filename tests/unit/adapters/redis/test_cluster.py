"""Tests of the adapters in a Redis Cluster that changes (app/adapters/redis/connection.py)."""

import asyncio

import pytest

from app.adapters.redis.connection import RedisConnection
from app.adapters.redis.revocation_bus import RedisRevocationBus
from app.adapters.redis.revocation_store import RedisRevocationStore
from app.adapters.system.clock import SystemClock
from app.domain.credential import Revocation, RevocationKind
from app.domain.errors import Unavailable
from tests.contract.credentials import ALICES_TOKEN, credential
from tests.deadlines import ANSWER_SECONDS
from tests.redis_cluster import RedisCluster
from tests.unit.adapters.redis.conftest import TIMEOUT_SECONDS
from tests.unit.docs.markdown import ROOT, blocks

REVOCATION = Revocation(RevocationKind.SESSION, "sess_1")


async def test_calls_succeed_when_the_slot_of_the_keys_has_moved(
    redis_cluster: RedisCluster,
) -> None:
    """The old master redirects the call to the new one."""
    connection = RedisConnection(redis_cluster.url, ANSWER_SECONDS, SystemClock())
    await connection.on_module_init()
    store = RedisRevocationStore(connection)
    await store.add(REVOCATION, 60)
    redis_cluster.flush()

    redis_cluster.move_slot(connection.keys.tag.decode())
    await store.add(REVOCATION, 60)

    new = redis_cluster.master_of(connection.keys.tag.decode())
    await connection.on_application_shutdown(None)
    assert ["{chatgenius}:revoked:session:sess_1"] == new.client.keys()


async def test_revocations_are_stored_and_received_when_a_master_has_failed_over(
    own_redis_cluster: RedisCluster,
) -> None:
    """Calls raise `Unavailable` until the replica has replaced the master of the keys."""
    connection = RedisConnection(own_redis_cluster.url, TIMEOUT_SECONDS, SystemClock())
    store = RedisRevocationStore(connection)
    bus = RedisRevocationBus(connection, TIMEOUT_SECONDS, SystemClock())
    received: asyncio.Queue[Revocation] = asyncio.Queue()
    connected = asyncio.Queue[None]()
    bus.listen(received.put_nowait, lambda: connected.put_nowait(None))
    await connection.on_module_init()
    await bus.on_module_init()
    await connected.get()
    stopped = own_redis_cluster.master_of(connection.keys.tag.decode())

    stopped.stop()
    with pytest.raises(Unavailable):
        await store.add(REVOCATION, 60)
    async with asyncio.timeout(ANSWER_SECONDS):
        while not await is_stored(store):  # noqa: ASYNC110 - there is no event
            await asyncio.sleep(0.05)
        while received.empty():
            await bus.publish(REVOCATION)
            await asyncio.sleep(0.05)

    await bus.on_module_destroy()
    await connection.on_application_shutdown(None)
    assert own_redis_cluster.masters[0] is stopped
    assert ["{chatgenius}:revoked:session:sess_1"] == own_redis_cluster.replica.client.keys()


async def test_the_documented_rights_are_enough_in_a_cluster(redis_cluster: RedisCluster) -> None:
    (block,) = blocks(ROOT / "docs" / "operations.md", "text")
    rights = block.code.replace("PASSWORD", "secret").split()
    for server in (*redis_cluster.masters, redis_cluster.replica):
        server.client.execute_command(*rights, "~{chatgenius}:*", "+cluster|slots", "+cluster|info")  # type: ignore[no-untyped-call]
    url = redis_cluster.url.replace("://", "://chatgenius:secret@")
    connection = RedisConnection(url, ANSWER_SECONDS, SystemClock())
    await connection.on_module_init()
    store = RedisRevocationStore(connection)

    await store.add(REVOCATION, 60)
    await store.add(Revocation.of_token(ALICES_TOKEN), 60)
    is_revoked = await store.contains(credential())

    await connection.on_application_shutdown(None)
    assert is_revoked
    assert [[]] * 4 == [
        each.client.acl_log() for each in (*redis_cluster.masters, redis_cluster.replica)
    ]


async def is_stored(store: RedisRevocationStore) -> bool:
    try:
        await store.add(REVOCATION, 60)
    except Unavailable:
        return False
    return True
