"""Who a socket is: tokens, sessions, revocations, and the guards that ask."""

from dependency_injector import containers, providers

from app.adapters.clerk.jwks_client import JwksClient
from app.adapters.clerk.pem_signing_key import PemSigningKey
from app.adapters.clerk.signing_keys import SigningKeys
from app.adapters.clerk.token_verifier import ClerkTokenVerifier
from app.adapters.memory.token_bucket_limiter import TokenBucketLimiter
from app.adapters.memory.token_buckets import TokenBuckets
from app.adapters.system.system_clock import SystemClock
from app.config import Settings
from app.framework import imported
from app.guards.ws_guard import WsGuard
from app.guards.ws_throttler_guard import WsThrottlerGuard
from app.ports import Clock, TokenBlacklist
from app.ports.token_issuer import JWKS_PATH
from app.services.session_service import SessionPolicy, SessionService
from app.services.token_blacklist_service import TokenBlacklistService

_SECONDS_PER_MINUTE = 60


def _signing_keys(settings: Settings, clock: Clock) -> SigningKeys:
    """Clerk's PEM or JWKS; without either the development issuer's JWKS, over HTTP like Clerk's."""
    if settings.clerk_jwt_key is not None:
        return PemSigningKey(settings.clerk_jwt_key)
    return JwksClient(settings.clerk_jwks_url or settings.base_url + JWKS_PATH, clock)


def _session_policy(settings: Settings) -> SessionPolicy:
    return SessionPolicy(
        expiring_lead_seconds=settings.auth_expiring_lead_seconds,
        expiry_grace_seconds=settings.auth_expiry_grace_seconds,
        enforce_expiry=settings.auth_expiry == "enforce",
        max_sockets_per_user=settings.max_sockets_per_user,
        admit_when_revocation_unavailable=settings.revocation_unavailable == "admit",
    )


def _limiter_per_minute(per_minute: float, clock: Clock) -> TokenBucketLimiter:
    """A minute's worth at once, then as fast as a minute's worth fills up."""
    return TokenBucketLimiter(per_minute / _SECONDS_PER_MINUTE, max(1, int(per_minute)), clock)


class AuthModule(containers.DeclarativeContainer):
    """Provides `WsGuard`, `WsThrottlerGuard`, `SessionService` and `TokenBlacklistService`.

    Settings and clock have defaults, so that guards can be tested with this module alone.
    """

    settings: providers.Dependency[Settings] = imported(
        Settings, default=providers.Singleton(Settings.model_construct)
    )
    clock: providers.Dependency[Clock] = imported(Clock, default=providers.Singleton(SystemClock))
    token_blacklist: providers.Dependency[TokenBlacklist] = imported(TokenBlacklist)

    token_verifier = providers.Singleton(
        ClerkTokenVerifier,
        keys=providers.Singleton(_signing_keys, settings, clock),
        clock=clock,
        issuer=settings.provided.issuer,
        authorized_parties=settings.provided.clerk_authorized_parties,
        audience=settings.provided.clerk_audience,
        accept_template_tokens=settings.provided.clerk_accept_template_tokens,
        max_token_seconds=settings.provided.auth_max_token_seconds,
    )
    token_blacklist_service = providers.Singleton(TokenBlacklistService, token_blacklist)
    session_service = providers.Singleton(
        SessionService,
        verifier=token_verifier,
        blacklist=token_blacklist_service,
        clock=clock,
        attempts=providers.Singleton(
            _limiter_per_minute, settings.provided.rate_limit_connects_per_minute, clock
        ),
        failures=providers.Singleton(
            _limiter_per_minute, settings.provided.rate_limit_failed_auth_per_minute, clock
        ),
        policy=providers.Singleton(_session_policy, settings),
    )
    ws_guard = providers.Singleton(
        WsGuard, session_service, accept_bearer=settings.provided.auth_accept_bearer
    )
    event_throttle = providers.Singleton(
        TokenBuckets,
        settings.provided.rate_limit_events_per_second,
        settings.provided.rate_limit_burst,
        clock,
    )
    ws_throttler_guard = providers.Singleton(WsThrottlerGuard, event_throttle)
