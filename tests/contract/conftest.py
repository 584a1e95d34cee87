"""Fixtures that run each port's suite on every adapter of that port."""

from collections.abc import AsyncIterator, Callable

import pytest

from app.adapters.memory.limits import MemoryAttemptLimiter, MemorySocketQuota, TokenBuckets
from app.adapters.memory.revocation_store import MemoryRevocationStore
from app.adapters.memory.silent_revocation_bus import SilentRevocationBus
from app.adapters.memory.webhook_log import MemoryWebhookLog
from app.adapters.redis.attempt_limiter import RedisAttemptLimiter
from app.adapters.redis.connection import RedisConnection
from app.adapters.redis.revocation_bus import RedisRevocationBus
from app.adapters.redis.revocation_store import RedisRevocationStore
from app.adapters.redis.socket_quota import RedisSocketQuota
from app.adapters.redis.webhook_log import RedisWebhookLog
from app.adapters.sql.revocation_store import SqlRevocationStore
from app.adapters.sql.webhook_log import SqlWebhookLog
from app.ports import AttemptLimiter, RevocationBus, RevocationStore, SocketQuota, WebhookLog
from tests.contract.storage import MEMBERSHIP, Storage, memory_storage, sql_storage
from tests.doubles.manual_clock import ManualClock
from tests.redis_cluster import RedisCluster
from tests.redis_server import RedisServer

ATTEMPTS_PER_MINUTE = 4
FAILURES_PER_MINUTE = 2
MAX_SOCKETS = 3
TIMEOUT_SECONDS = 5.0
CONNECTIONS = {"redis": "redis_connection", "cluster": "cluster_connection"}
"""The fixture of each kind of connection to Redis, by the test parameter."""


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def empty_storage(request: pytest.FixtureRequest) -> Storage:
    """A storage without users."""
    if request.param == "memory":
        return memory_storage()
    return sql_storage(request.getfixturevalue(f"{request.param}_database"))


@pytest.fixture
async def storage(empty_storage: Storage) -> Storage:
    """A storage with the users and channels that all suites use."""
    await empty_storage.channels.seed(MEMBERSHIP)
    return empty_storage


@pytest.fixture
async def redis_connection(
    redis_server: RedisServer, clock: ManualClock
) -> AsyncIterator[RedisConnection]:
    """An open connection to an empty Redis server."""
    connection = RedisConnection(redis_server.url, TIMEOUT_SECONDS, clock)
    await connection.on_module_init()
    yield connection
    await connection.on_application_shutdown(None)


@pytest.fixture
async def cluster_connection(
    redis_cluster: RedisCluster, clock: ManualClock
) -> AsyncIterator[RedisConnection]:
    """An open connection to an empty Redis Cluster."""
    connection = RedisConnection(redis_cluster.url, TIMEOUT_SECONDS, clock)
    await connection.on_module_init()
    yield connection
    await connection.on_application_shutdown(None)


@pytest.fixture
def let_pass(
    clock: ManualClock, redis_server: RedisServer, redis_cluster: RedisCluster
) -> Callable[[float], None]:
    """Advance the clocks of all adapters, including Redis's own clock."""

    def pass_both(seconds: float) -> None:
        clock.advance(seconds)
        redis_server.let_pass(seconds)
        redis_cluster.let_pass(seconds)

    return pass_both


@pytest.fixture(params=["memory", "sqlite", "postgres", *CONNECTIONS])
def revocation_store(request: pytest.FixtureRequest, clock: ManualClock) -> RevocationStore:
    if request.param == "memory":
        return MemoryRevocationStore(clock)
    if request.param in CONNECTIONS:
        return RedisRevocationStore(request.getfixturevalue(CONNECTIONS[request.param]))
    return SqlRevocationStore(request.getfixturevalue(f"{request.param}_database"), clock)


@pytest.fixture(params=["memory", "sqlite", "postgres", *CONNECTIONS])
def webhook_log(request: pytest.FixtureRequest, clock: ManualClock) -> WebhookLog:
    if request.param == "memory":
        return MemoryWebhookLog(clock)
    if request.param in CONNECTIONS:
        return RedisWebhookLog(request.getfixturevalue(CONNECTIONS[request.param]))
    return SqlWebhookLog(request.getfixturevalue(f"{request.param}_database"), clock)


@pytest.fixture(params=["memory", *CONNECTIONS])
def attempt_limiter(request: pytest.FixtureRequest, clock: ManualClock) -> AttemptLimiter:
    in_memory = MemoryAttemptLimiter(
        TokenBuckets(ATTEMPTS_PER_MINUTE / 60, ATTEMPTS_PER_MINUTE, clock),
        TokenBuckets(FAILURES_PER_MINUTE / 60, FAILURES_PER_MINUTE, clock),
        clock,
    )
    if request.param == "memory":
        return in_memory
    connection = request.getfixturevalue(CONNECTIONS[request.param])
    return RedisAttemptLimiter(connection, ATTEMPTS_PER_MINUTE, FAILURES_PER_MINUTE, in_memory)


@pytest.fixture(params=["memory", *CONNECTIONS])
def socket_quota(request: pytest.FixtureRequest, clock: ManualClock) -> SocketQuota:
    if request.param == "memory":
        return MemorySocketQuota(MAX_SOCKETS)
    return RedisSocketQuota(request.getfixturevalue(CONNECTIONS[request.param]), MAX_SOCKETS, clock)


@pytest.fixture(params=["memory", *CONNECTIONS])
def revocation_bus(request: pytest.FixtureRequest, clock: ManualClock) -> RevocationBus:
    """A revocation bus without subscribers."""
    if request.param == "memory":
        return SilentRevocationBus()
    connection: RedisConnection = request.getfixturevalue(CONNECTIONS[request.param])
    return RedisRevocationBus(connection, TIMEOUT_SECONDS, clock)
