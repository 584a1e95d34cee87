import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import pytest

from app.adapters.memory.limits import MemoryAttemptLimiter, MemorySocketQuota, TokenBuckets
from app.adapters.memory.revocation_store import MemoryRevocationStore
from app.adapters.memory.silent_revocation_bus import SilentRevocationBus
from app.domain.credential import Credential
from app.domain.errors import AuthenticationCode, AuthenticationError, Unavailable
from app.domain.principal import Principal
from app.framework.testing import fake_context, fake_socket
from app.guards.ws_guard import WsGuard
from app.ports import TokenVerifier
from app.services.authentication_service import AuthenticationService
from app.services.session_service import SessionPolicy, SessionService
from app.services.sessions.session import Session, SessionHolder
from app.services.token_blacklist_service import TokenBlacklistService
from app.sockets.authenticated_socket import AuthenticatedSocket
from tests.doubles.manual_clock import ManualClock
from tests.unit.services.people import ALICE, BOB

ADDRESS = "192.0.2.7"
TOKEN = "alices token"
NEXT_TOKEN = "alices next token"
BOBS_TOKEN = "bobs token"
ATTEMPTS = 5
FAILURES = 2
MAX_SOCKETS = 2
LIFETIME = 60
SKEW = 5
GRACE = 25
LEAD = 15
POLICY = SessionPolicy(
    expiring_lead_seconds=LEAD,
    expiry_grace_seconds=GRACE,
    enforce_expiry=True,
    max_token_seconds=7 * 86_400,
    max_sockets=1_000,
    max_sockets_per_address=1_000,
)


class ScriptedVerifier(TokenVerifier):
    """A verifier that accepts only the tokens in ``principals``.

    The lifetime of a token begins when the token is verified for the first time.

    Attributes:
        principals: The claims of each accepted token.
        refusal: The error code for all other tokens.
        meanwhile: A function that is called during each verification.
        asked: The number of verifications.
    """

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        alice = Principal(ALICE, session_id="sess", token_id="jti", expires_at=0)
        self.principals = {
            TOKEN: alice,
            NEXT_TOKEN: alice,
            BOBS_TOKEN: replace(alice, user_id=BOB, session_id="bobs sess"),
        }
        self.refusal = AuthenticationCode.TOKEN_SIGNATURE
        self.meanwhile: Callable[[], None] = lambda: None
        self.asked = 0

    async def verify(self, token: str) -> Principal:
        self.asked += 1
        self.meanwhile()
        if token not in self.principals:
            raise AuthenticationError(self.refusal)
        principal = self.principals[token]
        if not principal.expires_at:
            now = self._clock.now().timestamp()
            principal = replace(principal, issued_at=now, expires_at=now + LIFETIME)
            self.principals[token] = principal
        return principal

    def claimed_expiry(self, token: str) -> float:
        """Return a time 30 days from now."""
        del token
        return self._clock.now().timestamp() + 30 * 86_400


class UnavailableStore(MemoryRevocationStore):
    """Stores revocations, but raises `Unavailable` when they are read."""

    async def contains(self, credential: Credential) -> bool:
        del credential
        raise Unavailable


class SlowStore(MemoryRevocationStore):
    """Lets other tasks run while it is read."""

    async def contains(self, credential: Credential) -> bool:
        await asyncio.sleep(0)
        return await super().contains(credential)


class Holder(SessionHolder):
    """Records warnings, the error codes that end sessions, and whether the transport was closed."""

    answers_pings = True

    def __init__(self) -> None:
        self.transport_closed = False
        self.warnings: list[datetime] = []
        self.farewells: list[AuthenticationCode] = []

    def warn_of_expiry(self, expires_at: datetime) -> None:
        self.warnings.append(expires_at)

    def end_session(self, error: AuthenticationError) -> None:
        self.farewells.append(error.code)

    def close_transport(self) -> None:
        self.transport_closed = True


class Setting:
    """A session service with all of its parts."""

    def __init__(
        self,
        clock: ManualClock,
        policy: SessionPolicy,
        store: MemoryRevocationStore,
        *,
        admit_unchecked: bool,
    ) -> None:
        self.clock = clock
        self.store = store
        self.verifier = ScriptedVerifier(clock)
        self.blacklist = TokenBlacklistService(store, SilentRevocationBus(), 3_600)
        self.authentication = AuthenticationService(
            verifier=self.verifier,
            blacklist=self.blacklist,
            limiter=MemoryAttemptLimiter(
                TokenBuckets(ATTEMPTS / 60, ATTEMPTS, clock),
                TokenBuckets(FAILURES / 60, FAILURES, clock),
                clock,
            ),
            accept_bearer=False,
            admit_unchecked=admit_unchecked,
        )
        self.sessions = SessionService(
            authentication=self.authentication,
            verifier=self.verifier,
            blacklist=self.blacklist,
            quota=MemorySocketQuota(MAX_SOCKETS),
            clock=clock,
            policy=policy,
        )
        self._guard = WsGuard(self.sessions, clock)

    async def open(self, token: str = TOKEN, holder: SessionHolder | None = None) -> Session:
        return await self.sessions.open(token, ADDRESS, holder or Holder())

    async def refusal_of(self, token: object) -> AuthenticationCode:
        """Return the error code with which a connection with the token is rejected."""
        with pytest.raises(AuthenticationError) as caught:
            await self.sessions.open(token, ADDRESS, Holder())
        return caught.value.code

    def refusal_of_events(self, session: Session) -> AuthenticationCode:
        """Return the error code with which events of the session are rejected."""
        with pytest.raises(AuthenticationError) as caught:
            self.check(session)
        return caught.value.code

    def check(self, session: Session) -> None:
        """Run the guard for an event of the session."""
        socket = fake_socket(AuthenticatedSocket)
        socket.authenticate(session)
        self._guard.can_activate(fake_context(socket))


async def ready(
    clock: ManualClock,
    policy: SessionPolicy = POLICY,
    store: MemoryRevocationStore | None = None,
    *,
    admit_unchecked: bool = False,
) -> Setting:
    """Create a setting whose service is initialised."""
    setting = Setting(
        clock, policy, store or MemoryRevocationStore(clock), admit_unchecked=admit_unchecked
    )
    await setting.sessions.on_module_init()
    return setting
