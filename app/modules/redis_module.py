"""What nodes share through Redis."""

from dependency_injector import containers, providers

from app.adapters.memory.local_membership_bus import LocalMembershipBus
from app.adapters.redis.attempt_limiter import RedisAttemptLimiter
from app.adapters.redis.connection import RedisConnection
from app.adapters.redis.revocation_bus import RedisRevocationBus
from app.adapters.redis.revocation_store import RedisRevocationStore
from app.adapters.redis.socket_quota import RedisSocketQuota
from app.adapters.redis.webhook_log import RedisWebhookLog
from app.config.settings import Settings
from app.framework import imported
from app.ports import AttemptLimiter, Clock

WATCH_SECONDS = 3.0
"""Between two looks for what nobody tells, such as a NestJS node's blacklist: 40 ms of CPU for
10,000 sockets."""


class RedisCoordinationModule(containers.DeclarativeContainer):
    """Revocations and limits over all nodes with the same ``REDIS_URL``.

    Imports ``fallback_limiter``, which counts while Redis does not answer.
    """

    settings: providers.Dependency[Settings] = imported(Settings)
    clock: providers.Dependency[Clock] = imported(Clock)
    fallback_limiter: providers.Dependency[AttemptLimiter] = imported(AttemptLimiter)

    watch_interval_seconds = providers.Object(WATCH_SECONDS)
    connection = providers.Singleton(
        RedisConnection,
        settings.provided.redis_url,
        settings.provided.redis_timeout_seconds,
        clock,
    )
    revocation_store = providers.Singleton(RedisRevocationStore, connection)
    revocation_channel = providers.Singleton(
        RedisRevocationBus,
        connection,
        settings.provided.redis_url,
        settings.provided.redis_timeout_seconds,
        clock,
    )
    membership_channel = providers.Singleton(LocalMembershipBus)
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
    webhook_log = providers.Singleton(RedisWebhookLog, connection)
