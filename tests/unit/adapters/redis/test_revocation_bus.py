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
from tests.unit.adapters.redis.waiting import until

PING_SECONDS = 0.2
SESSION = Revocation.of_session("sess_alice")


class Listener:
    """One node's ear.

    Attributes:
        heard: Every revocation, in the order of their coming.
        connected: How often it was said that the node hears again.
    """

    def __init__(self, channel: RedisRevocationBus) -> None:
        self.heard: asyncio.Queue[Revocation] = asyncio.Queue()
        self.connected = 0
        channel.listen(self.heard.put_nowait, self._count)

    async def next(self) -> Revocation:
        """The next revocation."""
        return await asyncio.wait_for(self.heard.get(), ANSWER_SECONDS)

    def _count(self) -> None:
        self.connected += 1


def channel_to(
    server: RedisServer, connection: RedisConnection, query: str = ""
) -> RedisRevocationBus:
    """A node's channel, which notices soon that it is deaf."""
    return RedisRevocationBus(
        connection, server.url + query, TIMEOUT_SECONDS, SystemClock(), PING_SECONDS
    )


@pytest.fixture
async def channel(
    own_server: RedisServer, own_connection: RedisConnection
) -> AsyncIterator[RedisRevocationBus]:
    """One that the test starts."""
    channel = channel_to(own_server, own_connection)
    yield channel
    await channel.on_module_destroy()


async def test_publish_reaches_every_node_when_they_listen(
    redis_server: RedisServer, connection: RedisConnection
) -> None:
    """In the order of the calls, as they were, and without the token itself."""
    channels = [channel_to(redis_server, connection) for _ in range(2)]
    listeners = [Listener(channel) for channel in channels]
    for channel in channels:
        await channel.on_module_init()
    await until(lambda: [1, 1] == [listener.connected for listener in listeners])
    told = [Revocation.of_token("t"), SESSION, Revocation.of_user(UserId("user_alice"), 12.5)]

    for revocation in told:
        await channels[0].publish(revocation)

    for listener in listeners:
        heard = [await listener.next() for _ in told]
        assert told == heard
        assert {None} == {revocation.token for revocation in heard}
    for channel in channels:
        await channel.on_module_destroy()


@pytest.mark.parametrize("query", ["?decode_responses=true", "?protocol=3"])
async def test_a_node_hears_when_the_address_asks_for_other_replies(
    redis_server: RedisServer, connection: RedisConnection, query: str
) -> None:
    """They would be of other types than those that are understood."""
    channel = channel_to(redis_server, connection, query)
    listener = Listener(channel)
    await channel.on_module_init()
    await until(lambda: listener.connected == 1)

    await channel.publish(SESSION)

    assert SESSION == await listener.next()
    await channel.on_module_destroy()


async def test_a_message_is_ignored_when_it_is_none_of_ours(
    own_server: RedisServer, channel: RedisRevocationBus, caplog: pytest.LogCaptureFixture
) -> None:
    """What comes next is heard; the log does not repeat what came."""
    listener = Listener(channel)
    await channel.on_module_init()
    await until(lambda: listener.connected == 1)

    own_server.client.publish(REVOCATIONS_CHANNEL.decode(), "secret")
    own_server.client.publish(REVOCATIONS_CHANNEL.decode(), "x" * 100_000)
    await channel.publish(SESSION)

    assert SESSION == await listener.next()
    assert 2 == len(caplog.messages)
    assert "secret" not in caplog.text


async def test_a_quiet_subscription_stands_when_redis_answers_its_pings(
    channel: RedisRevocationBus,
) -> None:
    """Silence is no outage: nobody is asked to catch up."""
    listener = Listener(channel)
    await channel.on_module_init()
    await until(lambda: listener.connected == 1)
    quiet_until = asyncio.get_running_loop().time() + 5 * PING_SECONDS

    await until(lambda: asyncio.get_running_loop().time() >= quiet_until)
    await channel.publish(SESSION)

    assert SESSION == await listener.next()
    assert 1 == listener.connected


async def test_a_node_hears_again_and_says_so_when_redis_was_restarted(
    own_server: RedisServer,
    own_connection: RedisConnection,
    channel: RedisRevocationBus,
) -> None:
    """What it missed is in the store; publishing fails as long as there is nobody to tell."""
    listener = Listener(channel)
    await channel.on_module_init()
    await until(lambda: listener.connected == 1)

    await asyncio.to_thread(own_server.stop)
    with pytest.raises(Unavailable):
        await channel.publish(SESSION)
    await asyncio.to_thread(own_server.start_again)
    own_server.client.set("chatgenius:revoked:session:sess_alice", "1", ex=60)
    await until(lambda: listener.connected == 2 and own_connection.is_available)

    missed = RedisRevocationStore(own_connection).missed(lambda: [credential()])
    assert [SESSION] == [each async for portion in missed for each in portion]
    await channel.publish(SESSION)
    assert SESSION == await listener.next()


async def test_a_node_hears_again_and_says_so_when_redis_was_frozen(
    own_server: RedisServer, channel: RedisRevocationBus
) -> None:
    """Nobody closed the connection; only the pings went without an answer."""
    listener = Listener(channel)
    await channel.on_module_init()
    await until(lambda: listener.connected == 1)

    with own_server.frozen():
        await until(lambda: channel._is_deaf)
    await until(lambda: listener.connected == 2)
    await channel.publish(SESSION)

    assert SESSION == await listener.next()


async def test_a_node_begins_to_hear_when_redis_comes_after_it(
    own_server: RedisServer, channel: RedisRevocationBus, caplog: pytest.LogCaptureFixture
) -> None:
    """Its start does not wait; one line says that it is deaf, however often it tries."""
    own_server.stop()
    listener = Listener(channel)
    await channel.on_module_init()
    await until(lambda: channel._is_deaf)

    await asyncio.to_thread(own_server.start_again)
    await until(lambda: listener.connected == 1)

    assert ["revocations by other nodes are not heard: ConnectionError"] == caplog.messages


async def test_nothing_is_heard_any_more_when_the_module_is_destroyed(
    own_server: RedisServer, channel: RedisRevocationBus
) -> None:
    """The task ends and the subscription with it."""
    listener = Listener(channel)
    await channel.on_module_init()
    await until(lambda: listener.connected == 1)

    await channel.on_module_destroy()

    await until(lambda: not own_server.client.pubsub_channels())
    assert {asyncio.current_task()} == asyncio.all_tasks()
