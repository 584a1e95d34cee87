"""Who may connect, and for how long a connected socket stays who it is."""

from dataclasses import dataclass
from datetime import UTC, datetime
from math import inf
from typing import NoReturn, Protocol

from app.domain.errors import AuthenticationCode, AuthenticationError, Unavailable
from app.domain.ids import UserId
from app.domain.principal import Principal
from app.ports import Clock, RateLimiter, TokenVerifier
from app.ports.token_blacklist import token_digest
from app.services.deadline_queue import DeadlineQueue
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


class SessionHolder(Protocol):
    """Whose session it is: a socket. Both are called on the event loop and must not raise."""

    def warn_of_expiry(self, expires_at: datetime) -> None:
        """The token expires soon, at ``expires_at``. At most once for a token."""

    def end_session(self, error: AuthenticationError) -> None:
        """The socket must go. At most once, and never after `SessionService.close`."""


@dataclass(eq=False, slots=True)
class Session:
    """One admitted socket's standing, from `SessionService.open`, which alone changes it.

    Attributes:
        digest: Of the token it was opened with.
        holder: None once it was told to go, or has gone.
        token_expires_at: The token's ``exp``: seconds since the epoch by the wall clock.
        expires_at: Monotonic time from which its events are refused.
    """

    user_id: UserId
    digest: str
    holder: SessionHolder | None
    token_expires_at: float = inf
    expires_at: float = inf
    revoked: bool = False
    deadline_id: int = 0


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
        self._deadlines = DeadlineQueue(clock, self._reach_deadline)
        self._sessions: dict[str, tuple[Session, ...]] = {}
        self._sockets_of: dict[UserId, int] = {}

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

    def open(self, principal: Principal, token: str, holder: SessionHolder) -> Session:
        """Begin the session of an authenticated socket; every one must be closed.

        The holder is warned a lead before the token expires, and told to go a grace after it has
        expired, or at once when it is revoked. It may close the session then.

        Raises:
            AuthenticationError: ``too_many_sockets``; ``revoked``, when that happened since
                `authenticate` asked.
        """
        digest = token_digest(token)
        if digest in self._recent:
            raise AuthenticationError(AuthenticationCode.REVOKED)
        sockets = self._sockets_of.get(principal.user_id, 0)
        if sockets >= self._policy.max_sockets_per_user:
            raise AuthenticationError(AuthenticationCode.TOO_MANY_SOCKETS)
        session = Session(principal.user_id, digest, holder, principal.expires_at)
        if self._policy.enforce_expiry:
            self._limit(session)
        self._sessions[digest] = (*self._sessions.get(digest, ()), session)
        self._sockets_of[principal.user_id] = sockets + 1
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
        same_token = self._sessions.get(session.digest, ())
        if session not in same_token:
            return
        if len(same_token) == 1:
            del self._sessions[session.digest]
        else:
            self._sessions[session.digest] = tuple(
                each for each in same_token if each is not session
            )
        if self._sockets_of[session.user_id] == 1:
            del self._sockets_of[session.user_id]
        else:
            self._sockets_of[session.user_id] -= 1
        self._release(session)

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

    def _limit(self, session: Session) -> None:
        """Refuse its events, and warn and end it, by when its token expires."""
        life_seconds = session.token_expires_at - self._clock.now().timestamp()
        now = self._clock.monotonic()
        session.expires_at = now + life_seconds + EXPIRY_SKEW_SECONDS
        if life_seconds > 0:
            warned_at = now + max(0.0, life_seconds - self._policy.expiring_lead_seconds)
            self._deadlines.set(session, warned_at)
        else:
            self._deadlines.set(session, self._ends_at(session))

    def _ends_at(self, session: Session) -> float:
        return session.expires_at + self._policy.expiry_grace_seconds

    def _reach_deadline(self, session: Session, due_at: float) -> None:
        """A session's one deadline is its warning first, then its end."""
        if due_at >= session.expires_at:
            self._end(session, AuthenticationCode.TOKEN_EXPIRED)
        elif session.holder is not None:
            self._deadlines.set(session, self._ends_at(session))
            session.holder.warn_of_expiry(datetime.fromtimestamp(session.token_expires_at, UTC))

    def _revoke(self, digest: str) -> None:
        self._recent.remember(digest)
        sessions = self._sessions.get(digest, ())
        for session in sessions:
            session.revoked = True
        for session in sessions:
            self._end(session, AuthenticationCode.REVOKED)

    def _end(self, session: Session, code: AuthenticationCode) -> None:
        holder = self._release(session)
        if holder is not None:
            holder.end_session(AuthenticationError(code))

    def _release(self, session: Session) -> SessionHolder | None:
        self._deadlines.clear(session)
        holder, session.holder = session.holder, None
        return holder
