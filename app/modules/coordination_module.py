"""What nodes tell each other about who may connect: here, where there is one node.

`RedisCoordinationModule` provides the same names; `AppModule` is given one of them.
"""

from dependency_injector import containers, providers

from app.adapters.memory.attempt_limiter import MemoryAttemptLimiter
from app.adapters.memory.local_membership_bus import LocalMembershipBus
from app.adapters.memory.silent_revocation_bus import SilentRevocationBus
from app.adapters.memory.socket_quota import MemorySocketQuota
from app.adapters.memory.token_buckets import TokenBuckets
from app.config.settings import Settings
from app.framework import imported
from app.ports import Clock, RevocationStore, WebhookLog

WATCH_SECONDS = 2.0
"""Between two looks at what other processes, such as a command, have stored: nobody tells."""
_SECONDS_PER_MINUTE = 60


def buckets_per_minute(per_minute: float, clock: Clock) -> TokenBuckets:
    """A minute's worth at once, then as fast as a minute's worth fills up."""
    return TokenBuckets(per_minute / _SECONDS_PER_MINUTE, max(1, int(per_minute)), clock)


def memory_attempt_limiter(settings: Settings, clock: Clock) -> MemoryAttemptLimiter:
    """The limits of the settings, counted by this node."""
    return MemoryAttemptLimiter(
        attempts=buckets_per_minute(settings.rate_limit_connects_per_minute, clock),
        failures=buckets_per_minute(settings.rate_limit_failed_auth_per_minute, clock),
        clock=clock,
    )


class LocalCoordinationModule(containers.DeclarativeContainer):
    """What is remembered is in the storage; what is counted is in memory."""

    settings: providers.Dependency[Settings] = imported(Settings)
    clock: providers.Dependency[Clock] = imported(Clock)
    revocation_store: providers.Dependency[RevocationStore] = imported(RevocationStore)
    webhook_log: providers.Dependency[WebhookLog] = imported(WebhookLog)

    watch_interval_seconds = providers.Object(WATCH_SECONDS)
    revocation_channel = providers.Singleton(SilentRevocationBus)
    membership_channel = providers.Singleton(LocalMembershipBus)
    attempt_limiter = providers.Singleton(memory_attempt_limiter, settings, clock)
    socket_quota = providers.Singleton(MemorySocketQuota, settings.provided.max_sockets_per_user)
