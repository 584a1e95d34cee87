from collections.abc import AsyncIterator

import pytest
from dependency_injector import providers

from app.adapters.memory.limits import MemoryAttemptLimiter, TokenBuckets
from app.config.settings import Settings
from app.domain.credential import Revocation
from app.domain.errors import AuthenticationCode
from app.domain.ids import UserId
from app.modules.coordination_module import RedisCoordinationModule
from tests.contract.taking import take
from tests.doubles.manual_clock import ManualClock
from tests.redis_server import RedisServer

ADDRESS = "203.0.113.7"
ALICE = UserId("user_alice")


@pytest.fixture
async def module(redis_server: RedisServer) -> AsyncIterator[RedisCoordinationModule]:
    """A module that is connected to a real Redis, with a different value for each limit."""
    clock = ManualClock()
    module = RedisCoordinationModule(
        settings=Settings.model_construct(
            redis_url=redis_server.url,
            redis_timeout_seconds=5.0,
            rate_limit_connects_per_minute=3,
            rate_limit_failed_auth_per_minute=2,
            max_sockets_per_user=1,
            rate_limit_events_per_second=0.5,
            rate_limit_burst=2,
            rate_limit_receipts_per_second=4.0,
            rate_limit_receipts_burst=5,
        ),
        clock=providers.Object(clock),
        fallback_limiter=providers.Object(
            MemoryAttemptLimiter(TokenBuckets(1, 1, clock), TokenBuckets(1, 1, clock), clock)
        ),
    )
    await module.connection().on_module_init()
    yield module
    await module.connection().on_application_shutdown(None)


async def test_every_provider_uses_the_one_redis_of_the_settings(
    module: RedisCoordinationModule, redis_server: RedisServer
) -> None:
    """Each provider writes its keys to this Redis."""
    await module.revocation_store().add(Revocation.of_token("token"), ttl_seconds=60)
    await module.revocation_bus().publish(Revocation.of_session("sess_alice"))
    await module.attempt_limiter().attempt(ADDRESS)
    await module.socket_quota().acquire(ALICE)
    await module.webhook_log().add("msg_1", ttl_seconds=60)
    for throttle in (module.event_throttle(), module.receipt_throttle()):
        await take(throttle, ALICE, 5)

    assert {
        "blacklist:token:token",
        f"chatgenius:attempts:{ADDRESS}",
        f"chatgenius:sockets:user:{ALICE}",
        f"chatgenius:rate:events:{ALICE}",
        f"chatgenius:rate:receipts:{ALICE}",
        "chatgenius:webhook:msg_1",
    } == set(redis_server.client.scan_iter())


async def test_the_limits_are_those_of_the_settings(module: RedisCoordinationModule) -> None:
    """Attempts, failures, sockets, events and receipts each get their own limit."""
    limiter, quota = module.attempt_limiter(), module.socket_quota()

    waits = [await limiter.attempt(ADDRESS) for _ in range(4)]
    failing = "203.0.113.8"
    before = []
    for _ in range(3):
        before.append(await limiter.attempt(failing))
        await limiter.failed(failing, AuthenticationCode.TOKEN_EXPIRED)

    event_waits = [await take(module.event_throttle(), ALICE) for _ in range(3)]
    receipt_waits = [await take(module.receipt_throttle(), ALICE) for _ in range(6)]

    assert [0.0, 0.0, 2.0] == event_waits
    assert [0.0] * 5 + [0.25] == receipt_waits
    assert [True, True, True, False] == [wait == 0.0 for wait in waits]
    assert [True, True, False] == [wait == 0.0 for wait in before]
    assert [True, False] == [await quota.acquire(ALICE) for _ in range(2)]
