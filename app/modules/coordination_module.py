"""Keeps revocations and the counters of limits in Redis, or else in the storage and in memory.

Both modules provide the same names. `AppModule` uses the Redis module if ``REDIS_URL`` is set.
"""

from dependency_injector import containers, providers

from app.adapters.memory.limits import MemoryAttemptLimiter, MemorySocketQuota, TokenBuckets
from app.adapters.memory.online_users import MemoryOnlineUsers
from app.adapters.memory.silent_revocation_bus import SilentRevocationBus
from app.adapters.redis.attempt_limiter import RedisAttemptLimiter
from app.adapters.redis.connection import RedisConnection
from app.adapters.redis.online_users import RedisOnlineUsers
from app.adapters.redis.revocation_bus import RedisRevocationBus
from app.adapters.redis.revocation_store import RedisRevocationStore
from app.adapters.redis.socket_quota import RedisSocketQuota
from app.adapters.redis.throttle import RedisThrottle
from app.adapters.redis.webhook_log import RedisWebhookLog
from app.config.settings import Settings
from app.framework import imported
from app.ports import AttemptLimiter, Clock, RevocationStore, WebhookLog

POLL_SECONDS = 2.0
"""The interval at which a single node polls the storage for revocations by other processes."""
REDIS_POLL_SECONDS = 3.0
"""The interval at which a node polls Redis for revocations that were not published.

A NestJS node does not publish the revocations of its blacklist. A poll takes 40 ms of CPU time for
10,000 sockets.
"""
_SECONDS_PER_MINUTE = 60


def buckets_per_minute(per_minute: float, clock: Clock) -> TokenBuckets:
    """Return buckets of ``per_minute`` tokens that refill within a minute."""
    return TokenBuckets(per_minute / _SECONDS_PER_MINUTE, max(1, int(per_minute)), clock)


def memory_attempt_limiter(settings: Settings, clock: Clock) -> MemoryAttemptLimiter:
    """Return a limiter with the limits in ``settings``; it counts only this node's attempts."""
    return MemoryAttemptLimiter(
        attempts=buckets_per_minute(settings.rate_limit_connects_per_minute, clock),
        failures=buckets_per_minute(settings.rate_limit_failed_auth_per_minute, clock),
        clock=clock,
    )


def event_buckets(settings: Settings, clock: Clock) -> TokenBuckets:
    """Return the buckets of the events that users send to this node."""
    return TokenBuckets(settings.rate_limit_events_per_second, settings.rate_limit_burst, clock)


def receipt_buckets(settings: Settings, clock: Clock) -> TokenBuckets:
    """Return the buckets of the receipts that users send to this node."""
    return TokenBuckets(
        settings.rate_limit_receipts_per_second, settings.rate_limit_receipts_burst, clock
    )


class LocalCoordinationModule(containers.DeclarativeContainer):
    """Keeps revocations in the storage, and the counters of limits in memory."""

    settings: providers.Dependency[Settings] = imported(Settings)
    clock: providers.Dependency[Clock] = imported(Clock)
    revocation_store: providers.Dependency[RevocationStore] = imported(RevocationStore)
    webhook_log: providers.Dependency[WebhookLog] = imported(WebhookLog)

    poll_interval_seconds = providers.Object(POLL_SECONDS)
    revocation_bus = providers.Singleton(SilentRevocationBus)
    attempt_limiter = providers.Singleton(memory_attempt_limiter, settings, clock)
    socket_quota = providers.Singleton(MemorySocketQuota, settings.provided.max_sockets_per_user)
    online_users = providers.Singleton(MemoryOnlineUsers, socket_quota)
    event_throttle = providers.Singleton(event_buckets, settings, clock)
    receipt_throttle = providers.Singleton(receipt_buckets, settings, clock)


class RedisCoordinationModule(containers.DeclarativeContainer):
    """Shares revocations and limits between all nodes with the same ``REDIS_URL``.

    ``fallback_limiter`` counts attempts on this node while Redis does not answer.
    """

    settings: providers.Dependency[Settings] = imported(Settings)
    clock: providers.Dependency[Clock] = imported(Clock)
    fallback_limiter: providers.Dependency[AttemptLimiter] = imported(AttemptLimiter)

    poll_interval_seconds = providers.Object(REDIS_POLL_SECONDS)
    connection = providers.Singleton(
        RedisConnection,
        settings.provided.redis_url,
        settings.provided.redis_timeout_seconds,
        clock,
    )
    revocation_store = providers.Singleton(RedisRevocationStore, connection)
    revocation_bus = providers.Singleton(
        RedisRevocationBus,
        connection,
        settings.provided.redis_timeout_seconds,
        clock,
    )
    attempt_limiter = providers.Singleton(
        RedisAttemptLimiter,
        connection,
        settings.provided.rate_limit_connects_per_minute,
        settings.provided.rate_limit_failed_auth_per_minute,
        fallback_limiter,
    )
    socket_quota = providers.Singleton(
        RedisSocketQuota, connection, settings.provided.max_sockets_per_user, clock
    )
    online_users = providers.Singleton(RedisOnlineUsers, connection, socket_quota)
    event_throttle = providers.Singleton(
        RedisThrottle,
        connection,
        "events",
        rate_per_second=settings.provided.rate_limit_events_per_second,
        burst=settings.provided.rate_limit_burst,
        max_nodes=settings.provided.max_sockets_per_user,
        clock=clock,
    )
    receipt_throttle = providers.Singleton(
        RedisThrottle,
        connection,
        "receipts",
        rate_per_second=settings.provided.rate_limit_receipts_per_second,
        burst=settings.provided.rate_limit_receipts_burst,
        max_nodes=settings.provided.max_sockets_per_user,
        clock=clock,
    )
    webhook_log = providers.Singleton(RedisWebhookLog, connection)
