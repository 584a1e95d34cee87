"""Authentication: tokens, sessions, revocations, limits, and the guards that check them."""

from dependency_injector import containers, providers

from app.adapters.clerk.jwks_client import JwksClient
from app.adapters.clerk.pem_signing_key import PemSigningKey
from app.adapters.clerk.signing_keys import SigningKeys
from app.adapters.clerk.token_verifier import ClerkTokenVerifier
from app.adapters.memory.limits import MemorySocketQuota
from app.adapters.memory.silent_revocation_bus import SilentRevocationBus
from app.adapters.system.clock import SystemClock
from app.config.settings import Settings
from app.framework import imported
from app.guards.ws_guard import WsGuard
from app.guards.ws_throttler_guard import WsThrottlerGuard
from app.modules.coordination_module import (
    POLL_SECONDS,
    event_buckets,
    memory_attempt_limiter,
    receipt_buckets,
)
from app.ports import (
    JWKS_PATH,
    AttemptLimiter,
    Clock,
    RevocationBus,
    RevocationStore,
    SocketQuota,
    Throttle,
)
from app.services.authentication_service import AuthenticationService
from app.services.session_service import SessionPolicy, SessionService
from app.services.token_blacklist_service import TokenBlacklistService


def _signing_keys(settings: Settings, clock: Clock) -> SigningKeys:
    """Return the keys from Clerk's PEM or JWKS URL, or from the development issuer's JWKS URL."""
    if settings.clerk_jwt_key is not None:
        return PemSigningKey(settings.clerk_jwt_key)
    return JwksClient(settings.clerk_jwks_url or settings.base_url + JWKS_PATH, clock)


def admits_unchecked(settings: Settings) -> bool:
    """Return whether clients may connect while revocations cannot be read."""
    return settings.revocation_unavailable == "admit"


def _session_policy(settings: Settings) -> SessionPolicy:
    return SessionPolicy(
        expiring_lead_seconds=settings.auth_expiring_lead_seconds,
        expiry_grace_seconds=settings.auth_expiry_grace_seconds,
        enforce_expiry=settings.auth_expiry == "enforce",
        max_token_seconds=settings.auth_max_token_seconds,
        max_sockets=settings.max_sockets,
        max_sockets_per_address=settings.max_sockets_per_address,
    )


class AuthModule(containers.DeclarativeContainer):
    """Provides `WsGuard`, `WsThrottlerGuard`, `SessionService` and `TokenBlacklistService`.

    Every import except the revocation store has a default, so that tests of guards need no other
    module.
    """

    settings: providers.Dependency[Settings] = imported(
        Settings, default=providers.Singleton(Settings.model_construct)
    )
    clock: providers.Dependency[Clock] = imported(Clock, default=providers.Singleton(SystemClock))
    revocation_store: providers.Dependency[RevocationStore] = imported(RevocationStore)
    revocation_bus: providers.Dependency[RevocationBus] = imported(
        RevocationBus, default=providers.Singleton(SilentRevocationBus)
    )
    poll_interval_seconds: providers.Dependency[float] = imported(
        float, default=providers.Object(POLL_SECONDS)
    )
    attempt_limiter: providers.Dependency[AttemptLimiter] = imported(
        AttemptLimiter, default=providers.Singleton(memory_attempt_limiter, settings, clock)
    )
    socket_quota: providers.Dependency[SocketQuota] = imported(
        SocketQuota,
        default=providers.Singleton(MemorySocketQuota, settings.provided.max_sockets_per_user),
    )
    event_throttle: providers.Dependency[Throttle] = imported(
        Throttle, default=providers.Singleton(event_buckets, settings, clock)
    )
    receipt_throttle: providers.Dependency[Throttle] = imported(
        Throttle, default=providers.Singleton(receipt_buckets, settings, clock)
    )

    token_verifier = providers.Singleton(
        ClerkTokenVerifier,
        keys=providers.Singleton(_signing_keys, settings, clock),
        clock=clock,
        issuer=settings.provided.issuer,
        authorized_parties=settings.provided.clerk_authorized_parties,
        allow_missing_party=settings.provided.clerk_allow_missing_azp,
        audience=settings.provided.clerk_audience,
        accept_template_tokens=settings.provided.clerk_accept_template_tokens,
        max_token_seconds=settings.provided.auth_max_token_seconds,
    )
    token_blacklist_service = providers.Singleton(
        TokenBlacklistService, revocation_store, revocation_bus, poll_interval_seconds
    )
    authentication_service = providers.Singleton(
        AuthenticationService,
        verifier=token_verifier,
        blacklist=token_blacklist_service,
        limiter=attempt_limiter,
        accept_bearer=settings.provided.auth_accept_bearer,
        admit_unchecked=providers.Callable(admits_unchecked, settings),
    )
    session_service = providers.Singleton(
        SessionService,
        authentication=authentication_service,
        verifier=token_verifier,
        blacklist=token_blacklist_service,
        quota=socket_quota,
        clock=clock,
        policy=providers.Singleton(_session_policy, settings),
    )
    ws_guard = providers.Singleton(WsGuard, session_service, clock)
    ws_throttler_guard = providers.Singleton(WsThrottlerGuard, event_throttle, receipt_throttle)
