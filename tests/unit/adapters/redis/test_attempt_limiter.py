import pytest

from app.adapters.memory.limits import MemoryAttemptLimiter, TokenBuckets
from app.adapters.redis.attempt_limiter import MAX_ADDRESSES, RedisAttemptLimiter
from app.adapters.redis.connection import RedisConnection
from app.domain.errors import AuthenticationCode
from tests.doubles.manual_clock import ManualClock
from tests.redis_server import RedisServer

ADDRESS = "203.0.113.7"
REASON = AuthenticationCode.TOKEN_MALFORMED


def in_memory() -> MemoryAttemptLimiter:
    clock = ManualClock()
    return MemoryAttemptLimiter(
        TokenBuckets(1 / 3_600, 1, clock), TokenBuckets(1 / 3_600, 1, clock), clock
    )


def limiter_of(
    connection: RedisConnection, attempts_per_minute: float = 2, failures_per_minute: float = 2
) -> RedisAttemptLimiter:
    """Return the limiter of one node."""
    return RedisAttemptLimiter(connection, attempts_per_minute, failures_per_minute, in_memory())


async def test_attempts_and_failures_are_counted_over_all_nodes(
    connection: RedisConnection,
) -> None:
    """A client cannot avoid the limits by connecting to another node."""
    one, other = limiter_of(connection), limiter_of(connection)

    attempts = [await each.attempt(ADDRESS) for each in (one, other, one, other)]
    failures = [await each.failed(ADDRESS, REASON) for each in (one, other)]

    assert [0.0, 0.0] == attempts[:2]
    assert all(attempts[2:])
    assert [1, 2] == failures


@pytest.mark.parametrize(
    ("per_minute", "size", "token_seconds"),
    [(0.5, 1, 120.0), (7, 7, 8.572), (90_000, 90_000, 0.001)],
    ids=["less than one", "no whole number of milliseconds", "more than one a millisecond"],
)
async def test_a_bucket_fills_in_whole_milliseconds_when_the_rate_is_odd(
    connection: RedisConnection,
    redis_server: RedisServer,
    per_minute: float,
    size: int,
    token_seconds: float,
) -> None:
    """The time per token is rounded up, so a bucket never fills faster than the settings say."""
    limiter = limiter_of(connection, attempts_per_minute=per_minute)
    nearly_empty_ms = round((size - 1) * token_seconds * 1_000) + 1_000
    redis_server.client.set(f"chatgenius:attempts:{ADDRESS}", 1, px=nearly_empty_ms)

    wait_seconds = await limiter.attempt(ADDRESS)

    assert 0.0 < wait_seconds <= 1.0


async def test_nothing_is_left_in_redis_when_every_bucket_is_full(
    connection: RedisConnection, redis_server: RedisServer
) -> None:
    """Full buckets and counts older than an hour are deleted from Redis."""
    limiter = limiter_of(connection)
    await limiter.attempt(ADDRESS)
    await limiter.failed(ADDRESS, REASON)

    redis_server.let_pass(3_601)

    assert [] == redis_server.client.keys()


async def test_a_key_without_an_end_is_a_full_bucket_when_somebody_wrote_it(
    connection: RedisConnection, redis_server: RedisServer
) -> None:
    """A key without a TTL counts as a full bucket, so its address is not locked out forever."""
    redis_server.client.set(f"chatgenius:attempts:{ADDRESS}", 1)
    redis_server.client.hset(f"chatgenius:failure-counts:{ADDRESS}", REASON.value, "4")
    limiter = limiter_of(connection)

    wait_seconds = await limiter.attempt(ADDRESS)
    count = await limiter.failed(ADDRESS, REASON)

    assert (0.0, 5) == (wait_seconds, count)
    assert {True} == {redis_server.client.ttl(key) > 0 for key in redis_server.client.scan_iter()}


async def test_the_node_counts_alone_when_redis_is_not_there(
    own_server: RedisServer, own_connection: RedisConnection
) -> None:
    """During an outage of Redis, each node limits attempts and failures by itself."""
    own_server.stop()
    limiter = limiter_of(own_connection)

    attempts = [await limiter.attempt(ADDRESS) for _ in range(2)]
    failures = [await limiter.failed(ADDRESS, REASON) for _ in range(2)]

    assert 0.0 == attempts[0]
    assert attempts[1] == pytest.approx(3_600)
    assert [1, 2] == failures


async def test_other_nodes_learn_of_attempts_given_back_with_the_next_attempt(
    connection: RedisConnection,
) -> None:
    """Other nodes still count a returned attempt until this node sends its next attempt."""
    one, other = limiter_of(connection), limiter_of(connection)
    for _ in range(2):
        assert 0.0 == await one.attempt(ADDRESS)
    for _ in range(2):
        one.succeeded(ADDRESS)

    before = await other.attempt(ADDRESS)
    await one.attempt(ADDRESS)
    after = await other.attempt(ADDRESS)

    assert before > 0.0
    assert 0.0 == after


async def test_attempts_are_given_back_when_redis_is_not_there(
    own_server: RedisServer, own_connection: RedisConnection
) -> None:
    """Successful attempts do not count, so all users of an address can connect during an outage."""
    own_server.stop()
    limiter = limiter_of(own_connection)

    for _ in range(3):
        assert 0.0 == await limiter.attempt(ADDRESS)
        limiter.succeeded(ADDRESS)


async def test_memory_is_bounded_when_attempts_of_many_addresses_were_given_back(
    connection: RedisConnection,
) -> None:
    """The limiter drops the returned attempts of the oldest addresses."""
    limiter = limiter_of(connection)

    for number in range(MAX_ADDRESSES + 10):
        limiter.succeeded(str(number))

    assert MAX_ADDRESSES == len(limiter._given_back)
