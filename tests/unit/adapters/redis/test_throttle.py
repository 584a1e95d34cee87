import asyncio
import random
import time
from collections.abc import Callable

import pytest

from app.adapters.memory.limits import TokenBuckets
from app.adapters.redis.connection import RedisConnection
from app.adapters.redis.throttle import LEASE_SECONDS, MAX_KEYS, USERS_AT_ONCE, RedisThrottle
from app.adapters.system.clock import SystemClock
from tests.contract.taking import take
from tests.doubles.manual_clock import ManualClock
from tests.redis_server import RedisServer
from tests.until import until

RATE = 10.0
BURST = 40
LEASE = 10
"""The number of tokens in a lease and in a node's share, for this burst."""
MAX_NODES = 20
SHARE_RATE = RATE / (2 * MAX_NODES)
ALICES_KEY = "chatgenius:rate:events:alice"
ALICES_SOCKETS = "chatgenius:sockets:user:alice"

LetPass = Callable[[float], None]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def let_pass(clock: ManualClock, redis_server: RedisServer) -> LetPass:
    """Advance the clocks of the nodes and of Redis."""

    def pass_both(seconds: float) -> None:
        clock.advance(seconds)
        redis_server.let_pass(seconds)

    return pass_both


def throttle_of(
    connection: RedisConnection, clock: ManualClock, rate: float = RATE
) -> RedisThrottle:
    """Return the throttle of one node."""
    return RedisThrottle(connection, "events", rate, BURST, MAX_NODES, clock)


def script_calls(server: RedisServer) -> int:
    """Return the number of scripts that Redis has run."""
    calls = server.client.info("commandstats").get("cmdstat_evalsha", {})
    return int(calls.get("calls", 0)) - int(calls.get("failed_calls", 0))


async def taken_of(throttle: RedisThrottle, attempts: int) -> int:
    """Try to take single tokens, and return the number of tokens taken."""
    return sum([await take(throttle, "alice") == 0.0 for _ in range(attempts)])


async def drain(throttle: RedisThrottle) -> float:
    """Take all tokens, and return the seconds until the next one."""
    while (wait_seconds := await take(throttle, "alice")) == 0.0:
        pass
    return wait_seconds


async def test_redis_is_not_called_when_a_user_stays_below_the_share(
    connection: RedisConnection, redis_server: RedisServer, clock: ManualClock
) -> None:
    """The share refills at its rate, so slow users never need Redis."""
    throttle = throttle_of(connection, clock)
    before = redis_server.client.info("stats")["total_commands_processed"]

    at_once = [throttle.take("alice") for _ in range(LEASE)]
    slowly = []
    for _ in range(50):
        clock.advance(1 / SHARE_RATE)
        slowly.append(throttle.take("alice"))

    assert [0.0] * (LEASE + 50) == at_once + slowly
    assert before + 1 == redis_server.client.info("stats")["total_commands_processed"]


async def test_redis_is_called_once_per_lease_when_a_user_takes_the_burst(
    connection: RedisConnection, redis_server: RedisServer, clock: ManualClock
) -> None:
    throttle = throttle_of(connection, clock)
    before = script_calls(redis_server)

    taken = await taken_of(throttle, BURST)

    assert BURST == taken
    assert (BURST - LEASE) / LEASE == script_calls(redis_server) - before


async def test_redis_is_not_called_for_refused_events_when_the_user_floods(
    connection: RedisConnection, redis_server: RedisServer, clock: ManualClock
) -> None:
    """The node caches refusals by its local bucket and refusals by Redis."""
    one, other = throttle_of(connection, clock), throttle_of(connection, clock)
    await drain(one)
    await drain(other)
    before = script_calls(redis_server)

    refusals = [node.take("alice") for node in (one, other) for _ in range(1_000)]

    assert all(isinstance(refusal, float) and refusal > 0 for refusal in refusals)
    assert before == script_calls(redis_server)


async def test_a_user_gets_what_the_limit_allows_when_only_one_node_is_used(
    connection: RedisConnection, redis_server: RedisServer, clock: ManualClock, let_pass: LetPass
) -> None:
    """The answers equal those of a bucket in memory, for random pauses and costs."""
    chance = random.Random(7)  # noqa: S311 - no secret depends on it
    shared = throttle_of(connection, clock)
    in_memory = TokenBuckets(RATE, BURST, clock)
    redis_server.client.hset(ALICES_SOCKETS, "node", "1")

    for _ in range(400):
        cost = chance.choice([1, 1, 1, 2, 5, 25, 60])
        expected = in_memory.take("alice", cost)
        assert expected == pytest.approx(await take(shared, "alice", cost))
        let_pass(chance.choice([0.0, 0.0, 0.01, 0.1, 0.5, expected, 6.0]))


@pytest.mark.parametrize("nodes", [2, 5, 20])
async def test_a_user_gets_no_more_than_the_stated_bound_when_all_nodes_are_flooded(
    connection: RedisConnection,
    redis_server: RedisServer,
    clock: ManualClock,
    let_pass: LetPass,
    nodes: int,
) -> None:
    """The nodes grant the full rate together, not one full rate per node."""
    throttles = [throttle_of(connection, clock) for _ in range(nodes)]
    redis_server.client.hset(ALICES_SOCKETS, mapping={str(each): 1 for each in range(nodes)})
    began_at = time.monotonic()

    taken = 0
    for _ in range(100):
        for throttle in throttles:
            taken += await taken_of(throttle, 4)
        let_pass(0.2)

    seconds = clock.monotonic() + time.monotonic() - began_at
    # A lease may take up to a millisecond less than it should, because TTLs are whole milliseconds.
    token_seconds = 1 / RATE - 0.001 / LEASE
    assert taken <= BURST + seconds / token_seconds + (nodes + 1) * LEASE
    assert taken >= RATE * (clock.monotonic() - 0.2)


async def test_another_node_gives_only_its_share_and_one_lease_when_the_burst_is_spent(
    connection: RedisConnection, clock: ManualClock
) -> None:
    """The rate is so low that no tokens are added during the test."""
    one, other = (throttle_of(connection, clock, rate=0.01) for _ in range(2))
    await drain(one)

    assert LEASE <= await taken_of(other, BURST) <= 2 * LEASE


async def test_take_succeeds_when_the_time_that_redis_named_is_over(
    connection: RedisConnection, clock: ManualClock, let_pass: LetPass
) -> None:
    """The local bucket has tokens, so the wait is that of the bucket in Redis."""
    await drain(throttle_of(connection, clock))
    throttle = throttle_of(connection, clock)
    wait_seconds = await drain(throttle)

    let_pass(wait_seconds / 2)
    too_early = await take(throttle, "alice")
    let_pass(too_early)
    in_time = await take(throttle, "alice")

    assert 0.0 < too_early <= wait_seconds / 2
    assert 0.0 == in_time


async def test_one_call_leases_for_many_users_when_they_need_tokens_at_once(
    connection: RedisConnection, redis_server: RedisServer, clock: ManualClock
) -> None:
    """Events of the same user share a lease."""
    throttle = throttle_of(connection, clock)
    users = [f"user_{each}" for each in range(USERS_AT_ONCE)]
    for user in users:
        throttle.take(user, LEASE)
    await take(throttle, "somebody", BURST)  # Redis caches the script.
    before = script_calls(redis_server)

    taken = await asyncio.gather(*(take(throttle, user) for user in users for _ in range(2)))

    assert {0.0} == set(taken)
    assert 1 == script_calls(redis_server) - before


async def test_throttles_do_not_share_buckets_when_their_names_differ(
    connection: RedisConnection, clock: ManualClock
) -> None:
    await drain(throttle_of(connection, clock))
    receipts = RedisThrottle(connection, "receipts", RATE, BURST, MAX_NODES, clock)

    assert BURST == await taken_of(receipts, BURST + 1)


async def test_nothing_is_left_in_redis_when_the_buckets_are_full(
    connection: RedisConnection, redis_server: RedisServer, clock: ManualClock, let_pass: LetPass
) -> None:
    await drain(throttle_of(connection, clock))
    assert [ALICES_KEY] == redis_server.client.keys()

    let_pass(2 * BURST / RATE)

    assert [] == redis_server.client.keys()


async def test_each_node_applies_the_full_limit_when_redis_is_stopped(
    own_server: RedisServer, own_connection: RedisConnection, clock: ManualClock
) -> None:
    own_server.stop()
    nodes = [throttle_of(own_connection, clock) for _ in range(2)]

    taken = [await taken_of(node, BURST + 5) for node in nodes]

    assert [BURST] * 2 == taken
    assert 1 / RATE == pytest.approx(await take(nodes[0], "alice"))


async def test_the_node_applies_the_full_limit_when_redis_answers_with_an_error(
    connection: RedisConnection, redis_server: RedisServer, clock: ManualClock
) -> None:
    redis_server.client.set(ALICES_SOCKETS, "not a hash")

    assert BURST == await taken_of(throttle_of(connection, clock), BURST + 5)


async def test_events_wait_only_once_and_briefly_when_redis_is_frozen(
    own_server: RedisServer, clock: ManualClock
) -> None:
    """After `LEASE_SECONDS`, only the local bucket limits the user until Redis answers."""
    patient = RedisConnection(own_server.url, 60.0, SystemClock())
    await patient.on_module_init()
    throttle = throttle_of(patient, clock)
    for _ in range(LEASE):
        throttle.take("alice")

    with own_server.frozen():
        waiting = [asyncio.create_task(take(throttle, "alice")) for _ in range(3)]
        await until(lambda: bool(clock._timers))
        clock.advance(LEASE_SECONDS)
        waited = await asyncio.gather(*waiting)
        at_once = [throttle.take("alice") for _ in range(BURST)]
    await until(lambda: own_server.client.exists(ALICES_KEY) == 1)
    await until(lambda: not throttle._is_redis_late)
    other = throttle_of(patient, clock)
    taken_elsewhere = await taken_of(other, 2 * BURST)
    await patient.on_application_shutdown(None)

    assert [0.0] * 3 == waited
    assert int(BURST + RATE * LEASE_SECONDS) == LEASE + len(waited) + at_once.count(0.0)
    assert BURST == taken_elsewhere


async def test_another_event_of_the_user_is_answered_when_a_waiting_one_was_cancelled(
    connection: RedisConnection, clock: ManualClock
) -> None:
    throttle = throttle_of(connection, clock)
    throttle.take("alice", LEASE)
    first, second = (asyncio.create_task(take(throttle, "alice")) for _ in range(2))
    await asyncio.sleep(0)

    first.cancel()

    assert 0.0 == await second


async def test_waiting_events_are_answered_when_the_server_shuts_down(
    own_server: RedisServer, own_connection: RedisConnection, clock: ManualClock
) -> None:
    """After the shutdown, events do not wait for Redis."""
    throttle = throttle_of(own_connection, clock)
    throttle.take("alice", LEASE)
    with own_server.frozen():
        waiting = asyncio.create_task(take(throttle, "alice"))
        await until(lambda: bool(clock._timers))
        await throttle.on_application_shutdown(None)

        assert 0.0 == await waiting
        assert [0.0] * LEASE == [throttle.take("alice") for _ in range(LEASE)]


async def test_memory_is_bounded_when_many_users_send(
    connection: RedisConnection, clock: ManualClock
) -> None:
    throttle = throttle_of(connection, clock)

    for number in range(MAX_KEYS + 10):
        throttle.take(str(number))

    assert MAX_KEYS >= len(throttle._recent) + len(throttle._older)


async def test_full_buckets_are_dropped_when_time_passes(
    connection: RedisConnection, clock: ManualClock
) -> None:
    throttle = throttle_of(connection, clock)
    throttle.take("alice")

    for _ in range(2):
        clock.advance(LEASE / SHARE_RATE)
        throttle.take("bob")

    assert {"bob"} == throttle._recent.keys() | throttle._older.keys()
