"""Who may connect, and for how long a connected socket stays who it is."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from math import inf
from typing import NoReturn

from app.domain.errors import AuthenticationCode, AuthenticationError, Unavailable
from app.domain.ids import UserId
from app.domain.principal import Principal
from app.ports import Clock, RateLimiter, Timer, TokenVerifier
from app.ports.token_blacklist import token_digest
from app.services.recent_revocations import RecentRevocations
from app.services.token_blacklist_service import TokenBlacklistService

EXPIRY_SKEW_SECONDS = 5
"""How far the issuer's clock and ours may differ: Clerk's own default."""


@dataclass(frozen=True, slots=True)
class SessionPolicy:
    """What operators decide about sessions.

    Attributes:
        expiring_lead_seconds: How long before its token expires a session is warned.
        expiry_grace_seconds: How long an expired session may stay connected, every event refused.
        enforce_expiry: False: a token has to be valid at the handshake only.
        max_sockets_per_user: Open sessions of one user on this node.
        admit_when_revocation_unavailable: Whether to connect who cannot be checked for revocation.
    """

    expiring_lead_seconds: float
    expiry_grace_seconds: float
    enforce_expiry: bool
    max_sockets_per_user: int
    admit_when_revocation_unavailable: bool


@dataclass(eq=False, slots=True)
class Session:
    """One admitted socket's standing, from `SessionService.open`, which alone changes it.

    Attributes:
        digest: Of the token it was opened with.
        expires_at: Monotonic time from which its events are refused.
        on_end: Told once that the socket must go; never after `SessionService.close`.
    """

    user_id: UserId
    digest: str
    expires_at: float
    on_end: Callable[[AuthenticationError], None]
    revoked: bool = False
    ended: bool = False
    timers: tuple[Timer, ...] = ()


class SessionService:
    """Authenticates connects and watches over the sessions they open.

    Expiry is judged by the monotonic clock from `open` on: a jump of the wall clock ends nobody.
    """

    def __init__(
        self,
        verifier: TokenVerifier,
        blacklist: TokenBlacklistService,
        clock: Clock,
        attempts: RateLimiter,
        failures: RateLimiter,
        policy: SessionPolicy,
    ) -> None:
        self._verifier = verifier
        self._blacklist = blacklist
        self._clock = clock
        self._attempts = attempts
        self._failures = failures
        self._policy = policy
        self._recent = RecentRevocations(clock)
        self._sessions: dict[str, set[Session]] = {}
        self._sockets_of: Counter[UserId] = Counter()

    async def on_module_init(self) -> None:
        """Hear of revocations from now on."""
        self._blacklist.on_revoked(self._revoke)

    async def authenticate(self, token: str, address: str) -> Principal:
        """Who the token speaks for, when ``address`` has not tried too often.

        The limits come before any cryptography; a refusal that is the client's fault counts
        against its address.

        Raises:
            AuthenticationError: The token or the address is refused, by its code.
        """
        await self._count_attempt(address)
        try:
            await self._refuse_revoked(token)
            return await self._verifier.verify(token)
        except AuthenticationError as error:
            if not error.temporary:  # what passes by itself is not the client's fault
                await self._failures.take(address)
            raise

    async def refuse(self, code: AuthenticationCode, address: str) -> NoReturn:
        """Refuse an attempt that brought nothing to verify; it counts as any other.

        Raises:
            AuthenticationError: ``code``; ``too_many_attempts`` when the address tried too often.
        """
        await self._count_attempt(address)
        await self._failures.take(address)
        raise AuthenticationError(code)

    def open(
        self,
        principal: Principal,
        token: str,
        on_end: Callable[[AuthenticationError], None],
        on_expiring: Callable[[datetime], None] | None = None,
    ) -> Session:
        """Begin the session of an authenticated socket; every one must be closed.

        Both are called at most once, on the event loop, and must not raise; they may close the
        session. ``on_expiring``, with the time, a lead before the token expires; ``on_end`` at
        once when the token is revoked, or a grace after it has expired.

        Raises:
            AuthenticationError: ``too_many_sockets``; ``revoked``, when that happened since
                `authenticate` asked.
        """
        digest = token_digest(token)
        if digest in self._recent:
            raise AuthenticationError(AuthenticationCode.REVOKED)
        if self._sockets_of[principal.user_id] >= self._policy.max_sockets_per_user:
            raise AuthenticationError(AuthenticationCode.TOO_MANY_SOCKETS)
        session = Session(principal.user_id, digest, expires_at=inf, on_end=on_end)
        if self._policy.enforce_expiry:
            self._limit(session, principal.expires_at, on_expiring)
        self._sessions.setdefault(digest, set()).add(session)
        self._sockets_of[principal.user_id] += 1
        return session

    def check(self, session: Session) -> None:
        """Let pass a session that is neither revoked nor expired. Memory only: asked per event.

        Raises:
            AuthenticationError: ``revoked`` or ``token_expired``.
        """
        if session.revoked:
            raise AuthenticationError(AuthenticationCode.REVOKED)
        if self._clock.monotonic() >= session.expires_at:
            raise AuthenticationError(AuthenticationCode.TOKEN_EXPIRED)

    def close(self, session: Session) -> None:
        """End the service's interest in a session; repeating it is harmless."""
        same_token = self._sessions.get(session.digest, set())
        if session not in same_token:
            return
        same_token.remove(session)
        if not same_token:
            del self._sessions[session.digest]
        self._sockets_of[session.user_id] -= 1
        if not self._sockets_of[session.user_id]:
            del self._sockets_of[session.user_id]
        self._settle(session)

    async def _count_attempt(self, address: str) -> None:
        if await self._attempts.take(address) > 0 or await self._failures.peek(address) > 0:
            raise AuthenticationError(AuthenticationCode.TOO_MANY_ATTEMPTS)

    async def _refuse_revoked(self, token: str) -> None:
        try:
            revoked = await self._blacklist.is_blacklisted(token)
        except Unavailable as error:
            if self._policy.admit_when_revocation_unavailable:
                return
            raise AuthenticationError(AuthenticationCode.REVOCATION_UNAVAILABLE) from error
        if revoked:
            raise AuthenticationError(AuthenticationCode.REVOKED)

    def _limit(
        self,
        session: Session,
        token_expires_at: float,
        on_expiring: Callable[[datetime], None] | None,
    ) -> None:
        life = token_expires_at - self._clock.now().timestamp()
        session.expires_at = self._clock.monotonic() + life + EXPIRY_SKEW_SECONDS
        end = self._clock.call_later(
            max(0.0, life + EXPIRY_SKEW_SECONDS + self._policy.expiry_grace_seconds),
            lambda: self._end(session, AuthenticationCode.TOKEN_EXPIRED),
        )
        session.timers = (end,)
        if on_expiring is not None and life > 0:
            warn = partial(on_expiring, datetime.fromtimestamp(token_expires_at, UTC))
            lead_seconds = self._policy.expiring_lead_seconds
            warning = self._clock.call_later(max(0.0, life - lead_seconds), warn)
            session.timers = (end, warning)

    def _revoke(self, digest: str) -> None:
        self._recent.remember(digest)
        # A copy: on_end may close its session, which takes it out of the set.
        sessions = tuple(self._sessions.get(digest, ()))
        for session in sessions:
            session.revoked = True
        for session in sessions:
            self._end(session, AuthenticationCode.REVOKED)

    def _end(self, session: Session, code: AuthenticationCode) -> None:
        if not session.ended:
            self._settle(session)
            session.on_end(AuthenticationError(code))

    def _settle(self, session: Session) -> None:
        session.ended = True
        for timer in session.timers:
            timer.cancel()
