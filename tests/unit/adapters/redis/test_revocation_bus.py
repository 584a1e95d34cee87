import asyncio
from collections.abc import AsyncIterator

import pytest

from app.adapters.redis.connection import RedisConnection
from app.adapters.redis.keys import REVOCATIONS_CHANNEL
from app.adapters.redis.revocation_bus import RedisRevocationBus
from app.adapters.redis.revocation_store import RedisRevocationStore
from app.adapters.system.clock import SystemClock
from app.domain.credential import Revocation
from app.domain.errors import Unavailable
from app.domain.ids import UserId
from tests.contract.credentials import credential
from tests.deadlines import ANSWER_SECONDS
from tests.redis_server import RedisServer
from tests.unit.adapters.redis.conftest import TIMEOUT_SECONDS
from tests.until import until

PING_SECONDS = 0.2
SESSION = Revocation.of_session("sess_alice")


class Listener:
    """Records the revocations and subscriptions of one node.

    Attributes:
        received: The revocations in the order of arrival.
        connected: The number of subscriptions that began.
    """

    def __init__(self, bus: RedisRevocationBus) -> None:
        self.received: asyncio.Queue[Revocation] = asyncio.Queue()
        self.connected = 0
        bus.listen(self.received.put_nowait, self._count)

    async def next(self) -> Revocation:
        return await asyncio.wait_for(self.received.get(), ANSWER_SECONDS)

    def _count(self) -> None:
        self.connected += 1


def bus_on(connection: RedisConnection) -> RedisRevocationBus:
    """Return the bus of a node, with a short ping interval."""
    return RedisRevocationBus(connection, TIMEOUT_SECONDS, SystemClock(), PING_SECONDS)


@pytest.fixture
async def bus(own_connection: RedisConnection) -> AsyncIterator[RedisRevocationBus]:
    bus = bus_on(own_connection)
    yield bus
    await bus.on_module_destroy()


async def test_publish_reaches_every_node_when_they_listen(connection: RedisConnection) -> None:
    """Every node receives the revocations in order; none of them contains a token."""
    buses = [bus_on(connection) for _ in range(2)]
    listeners = [Listener(bus) for bus in buses]
    for bus in buses:
        await bus.on_module_init()
    await until(lambda: [1, 1] == [listener.connected for listener in listeners])
    published = [Revocation.of_token("t"), SESSION, Revocation.of_user(UserId("user_alice"), 12.5)]

    for revocation in published:
        await buses[0].publish(revocation)

    for listener in listeners:
        received = [await listener.next() for _ in published]
        assert published == received
        assert {None} == {revocation.token for revocation in received}
    for bus in buses:
        await bus.on_module_destroy()


@pytest.mark.parametrize("query", ["?decode_responses=true", "?protocol=3"])
async def test_a_node_hears_when_the_address_asks_for_other_replies(
    redis_server: RedisServer, query: str
) -> None:
    """Parameters of the URL cannot change the types of the replies."""
    connection = RedisConnection(redis_server.url + query, TIMEOUT_SECONDS, SystemClock())
    await connection.on_module_init()
    bus = bus_on(connection)
    listener = Listener(bus)
    await bus.on_module_init()
    await until(lambda: listener.connected == 1)

    await bus.publish(SESSION)

    assert SESSION == await listener.next()
    await bus.on_module_destroy()
    await connection.on_application_shutdown(None)


async def test_a_message_is_ignored_when_it_is_none_of_ours(
    own_server: RedisServer, bus: RedisRevocationBus, caplog: pytest.LogCaptureFixture
) -> None:
    """A malformed message is logged without its content, and the next message is received."""
    listener = Listener(bus)
    await bus.on_module_init()
    await until(lambda: listener.connected == 1)

    own_server.client.publish(REVOCATIONS_CHANNEL.decode(), "secret")
    own_server.client.publish(REVOCATIONS_CHANNEL.decode(), "x" * 100_000)
    await bus.publish(SESSION)

    assert SESSION == await listener.next()
    assert 2 == len(caplog.messages)
    assert "secret" not in caplog.text


async def test_a_quiet_subscription_stands_when_redis_answers_its_pings(
    bus: RedisRevocationBus,
) -> None:
    """A subscription without messages stays open as long as Redis answers pings."""
    listener = Listener(bus)
    await bus.on_module_init()
    await until(lambda: listener.connected == 1)
    quiet_until = asyncio.get_running_loop().time() + 5 * PING_SECONDS

    await until(lambda: asyncio.get_running_loop().time() >= quiet_until)
    await bus.publish(SESSION)

    assert SESSION == await listener.next()
    assert 1 == listener.connected


async def test_a_node_hears_again_and_says_so_when_redis_was_restarted(
    own_server: RedisServer,
    own_connection: RedisConnection,
    bus: RedisRevocationBus,
) -> None:
    """After a restart of Redis, the node subscribes again and calls `connected`."""
    listener = Listener(bus)
    await bus.on_module_init()
    await until(lambda: listener.connected == 1)
    reconnected = asyncio.Event()
    own_connection.on_reconnected(reconnected.set)

    await asyncio.to_thread(own_server.stop)
    with pytest.raises(Unavailable):
        await bus.publish(SESSION)
    await asyncio.to_thread(own_server.start_again)
    own_server.client.set("chatgenius:revoked:session:sess_alice", "1", ex=60)
    await until(lambda: listener.connected == 2 and reconnected.is_set())

    missed = RedisRevocationStore(own_connection).missed(lambda: [credential()])
    assert [SESSION] == [each async for portion in missed for each in portion]
    await bus.publish(SESSION)
    assert SESSION == await listener.next()


async def test_a_node_hears_again_and_says_so_when_redis_was_frozen(
    own_server: RedisServer, bus: RedisRevocationBus
) -> None:
    """The node reconnects if pings are not answered, even if the connection is still open."""
    listener = Listener(bus)
    await bus.on_module_init()
    await until(lambda: listener.connected == 1)

    with own_server.frozen():
        await until(lambda: bus._is_lost)
    await until(lambda: listener.connected == 2)
    await bus.publish(SESSION)

    assert SESSION == await listener.next()


async def test_a_node_begins_to_hear_when_redis_comes_after_it(
    own_server: RedisServer, bus: RedisRevocationBus, caplog: pytest.LogCaptureFixture
) -> None:
    """A node can start before Redis, and logs only one line for all of its retries."""
    own_server.stop()
    listener = Listener(bus)
    await bus.on_module_init()
    await until(lambda: bus._is_lost)

    await asyncio.to_thread(own_server.start_again)
    await until(lambda: listener.connected == 1)

    assert ["cannot receive revocations of other nodes: ConnectionError"] == caplog.messages


async def test_nothing_is_heard_any_more_when_the_module_is_destroyed(
    own_server: RedisServer, bus: RedisRevocationBus
) -> None:
    listener = Listener(bus)
    await bus.on_module_init()
    await until(lambda: listener.connected == 1)

    await bus.on_module_destroy()

    await until(lambda: not own_server.client.pubsub_channels())
    assert {asyncio.current_task()} == asyncio.all_tasks()
