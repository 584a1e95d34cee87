from datetime import datetime

import pytest

from app.adapters.memory.manual_clock import ManualClock
from app.adapters.memory.memory_token_blacklist import MemoryTokenBlacklist
from app.adapters.memory.token_bucket_limiter import TokenBucketLimiter
from app.domain.errors import AuthenticationCode, AuthenticationError, Unavailable
from app.domain.principal import Principal
from app.ports import TokenVerifier
from app.services.session_service import SessionHolder, SessionPolicy, SessionService
from app.services.token_blacklist_service import TokenBlacklistService
from tests.unit.services.people import ALICE

ADDRESS = "192.0.2.7"
TOKEN = "alices token"
ATTEMPTS = 5
FAILURES = 2
LIFETIME = 60
SKEW = 5
GRACE = 25
LEAD = 15
POLICY = SessionPolicy(
    expiring_lead_seconds=LEAD,
    expiry_grace_seconds=GRACE,
    enforce_expiry=True,
    max_sockets_per_user=2,
    admit_when_revocation_unavailable=False,
)


class ScriptedVerifier(TokenVerifier):
    """Knows Alice's token; refuses every other with one code; counts what it was asked."""

    def __init__(self, clock: ManualClock) -> None:
        expires_at = clock.now().timestamp() + LIFETIME
        self.alice = Principal(ALICE, session_id="sess", token_id="jti", expires_at=expires_at)
        self.refusal = AuthenticationCode.TOKEN_SIGNATURE
        self.asked = 0

    async def verify(self, token: str) -> Principal:
        """Alice, or a refusal."""
        self.asked += 1
        if token == TOKEN:
            return self.alice
        raise AuthenticationError(self.refusal)


class UnavailableBlacklist(MemoryTokenBlacklist):
    """Takes revocations, but cannot be asked."""

    async def contains(self, token: str) -> bool:
        """Fail."""
        del token
        raise Unavailable


class Holder(SessionHolder):
    """Keeps what it is told.

    Attributes:
        warnings: When its token expires, for each warning.
        farewells: Why it had to go.
    """

    def __init__(self) -> None:
        self.warnings: list[datetime] = []
        self.farewells: list[AuthenticationCode] = []

    def warn_of_expiry(self, expires_at: datetime) -> None:
        """Keep the time."""
        self.warnings.append(expires_at)

    def end_session(self, error: AuthenticationError) -> None:
        """Keep the code."""
        self.farewells.append(error.code)


class Setting:
    """A session service and what it stands on."""

    def __init__(
        self, clock: ManualClock, policy: SessionPolicy, store: MemoryTokenBlacklist
    ) -> None:
        self.clock = clock
        self.verifier = ScriptedVerifier(clock)
        self.blacklist = TokenBlacklistService(store)
        self.sessions = SessionService(
            verifier=self.verifier,
            blacklist=self.blacklist,
            clock=clock,
            attempts=TokenBucketLimiter(ATTEMPTS / 60, ATTEMPTS, clock),
            failures=TokenBucketLimiter(FAILURES / 60, FAILURES, clock),
            policy=policy,
        )

    async def refusal_of(self, token: str) -> AuthenticationCode:
        """The code an attempt with the token is refused with."""
        with pytest.raises(AuthenticationError) as caught:
            await self.sessions.authenticate(token, ADDRESS)
        return caught.value.code


async def ready(
    clock: ManualClock,
    policy: SessionPolicy = POLICY,
    store: MemoryTokenBlacklist | None = None,
) -> Setting:
    """A setting whose service has been initialised."""
    setting = Setting(clock, policy, store or MemoryTokenBlacklist(clock))
    await setting.sessions.on_module_init()
    return setting
