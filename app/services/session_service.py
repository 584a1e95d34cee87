"""Who may connect, and for how long a connected socket stays who it is."""

from dataclasses import dataclass
from datetime import UTC, datetime

from app.domain.credential import Credential
from app.domain.errors import AuthenticationCode, AuthenticationError
from app.domain.ids import UserId
from app.domain.principal import CLOCK_SKEW_SECONDS
from app.domain.revocation import Revocation, RevocationKind
from app.ports import Clock, SocketQuota, TokenVerifier
from app.services.authentication_service import AuthenticationService
from app.services.sessions.deadline_queue import DeadlineQueue
from app.services.sessions.recent_revocations import RecentRevocations
from app.services.sessions.revocation_ttl import revocation_seconds
from app.services.sessions.session import Session, SessionHolder
from app.services.sessions.session_index import SessionIndex
from app.services.token_blacklist_service import TokenBlacklistService

LEAST_WARNING_SECONDS = 0.5
"""From a token to the warning of its end, even if that was before: whose tokens are always nearly
over is not warned without a pause."""


@dataclass(frozen=True, slots=True)
class SessionPolicy:
    """What operators decide about sessions.

    Attributes:
        expiring_lead_seconds: How long before its token expires a session is warned.
        expiry_grace_seconds: How long an expired session may stay connected, every event refused.
        enforce_expiry: False: a token has to be valid at the handshake only.
        max_token_seconds: The longest life of a token, and so of a revocation that names none.
    """

    expiring_lead_seconds: float
    expiry_grace_seconds: float
    enforce_expiry: bool
    max_token_seconds: int


@dataclass(frozen=True, slots=True)
class Revoked:
    """What `SessionService.revoke` has done, and until when it is remembered."""

    revocation: Revocation
    until: datetime


class SessionService:
    """Opens the sessions of sockets and watches over them.

    Expiry is judged by the monotonic clock once a token is verified: a jump of the wall clock ends
    nobody.
    """

    def __init__(
        self,
        authentication: AuthenticationService,
        verifier: TokenVerifier,
        blacklist: TokenBlacklistService,
        quota: SocketQuota,
        clock: Clock,
        policy: SessionPolicy,
    ) -> None:
        self._authentication = authentication
        self._verifier = verifier
        self._blacklist = blacklist
        self._quota = quota
        self._clock = clock
        self._policy = policy
        self._recent = RecentRevocations(clock)
        self._deadlines = DeadlineQueue(clock, self._reach_deadline)
        self._live = SessionIndex()

    async def on_module_init(self) -> None:
        """Hear of revocations from now on."""
        self._blacklist.watch(self._end_revoked, self._live.credentials)

    async def open(self, sent: object, address: str, holder: SessionHolder) -> Session:
        """Begin the session of a socket, by what it sent as its token; every one must be closed.

        The holder is warned before the token expires, and told to go a grace after it has expired,
        or at once when it is revoked. It may close the session then.

        Raises:
            AuthenticationError: The socket is not admitted, by its code.
        """
        credential = await self._authentication.authenticate(sent, address)
        user_id = credential.principal.user_id
        if not await self._take_place(user_id):
            raise AuthenticationError(AuthenticationCode.TOO_MANY_SOCKETS)
        if self._recent.cover(credential):  # revoked since it was looked up
            self._quota.release(user_id)
            revoked = AuthenticationError(AuthenticationCode.REVOKED)
            raise await self._authentication.counted(revoked, address)
        session = Session(user_id, holder, credential)
        self._limit(session)
        self._live.add(session)
        return session

    async def refresh(self, session: Session, sent: object, address: str) -> datetime:
        """Have an open session go on with its user's next token; returns when the session expires.

        A token that expires before the present one changes nothing: a client that sends a cached
        token late must not shorten its session. It must still be valid.

        If this raises, the session is unchanged. After ``subject_changed`` and ``revoked`` the
        caller must end the socket.

        Raises:
            AuthenticationError: The token is refused, by its code; ``subject_changed`` when it is
                another user's or another sign-in's.
        """
        credential = await self._authentication.authenticate_again(sent, address)
        if not credential.principal.may_follow(session.credential.principal):
            changed = AuthenticationError(AuthenticationCode.SUBJECT_CHANGED)
            raise await self._authentication.counted(changed, address)
        if session.revoked or self._recent.cover(credential):
            raise AuthenticationError(AuthenticationCode.REVOKED)
        if session.holder is None:  # it was too late, or has gone
            raise AuthenticationError(AuthenticationCode.TOKEN_EXPIRED)
        if _may_replace(credential, session.credential):
            self._live.remove(session)
            session.credential, session.replaced = credential, session.credential
            self._live.add(session)
            self._limit(session)
        return _expiry(session)

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
        if session not in self._live:
            return
        self._live.remove(session)
        self._quota.release(session.user_id)
        self._release(session)

    async def revoke(self, kind: RevocationKind, value: str) -> Revoked:
        """Accept something no longer, on any node, and end the sockets that stand on it.

        Args:
            kind: What is revoked.
            value: The token itself, the ``sid`` or the user's id.

        Raises:
            AuthenticationError: ``token_malformed`` and its like: it is no session token.
            Unavailable: Whether it is revoked is not certain; ask again.
        """
        now = self._clock.now().timestamp()
        revocation, expires_at = self._judgement(kind, value, now)
        ttl_seconds = revocation_seconds(expires_at, now)
        await self._blacklist.revoke(revocation, ttl_seconds)
        return Revoked(revocation, datetime.fromtimestamp(now + ttl_seconds, UTC))

    def _judgement(self, kind: RevocationKind, value: str, now: float) -> tuple[Revocation, float]:
        """What is revoked, and when the last token that it concerns expires."""
        match kind:
            case RevocationKind.TOKEN:
                return Revocation.of_token(value), self._verifier.claimed_expiry(value)
            case RevocationKind.SESSION:
                return Revocation.of_session(value), now + self._policy.max_token_seconds
            case RevocationKind.USER:
                longest = now + self._policy.max_token_seconds
                return Revocation.of_user(UserId(value), now), longest

    async def _take_place(self, user_id: UserId) -> bool:
        """Take one of the user's places; a socket that does not answer pings gives up its own.

        So a phone that changes networks is not kept out by its own dead connections. Only sockets
        of this node are closed: those of other nodes end with their ping timeout.
        """
        if await self._quota.take(user_id):
            return True
        for session in self._live.of_user(user_id):
            holder = session.holder
            if holder is not None and not holder.answers_pings:
                self.close(session)
                holder.close_transport()
                return await self._quota.take(user_id)
        return False

    def _limit(self, session: Session) -> None:
        """Refuse its events, and warn and end it, by when its token expires."""
        if not self._policy.enforce_expiry:
            return
        expires_at = session.credential.principal.expires_at
        life_seconds = expires_at - self._clock.now().timestamp()
        now = self._clock.monotonic()
        session.expires_at = now + life_seconds + CLOCK_SKEW_SECONDS
        # With a token that lives for less than two leads, half of its time: a client that refreshes
        # when it is warned must not be warned of the new token at once.
        lead_seconds = min(self._policy.expiring_lead_seconds, life_seconds / 2)
        warned_at = now + max(life_seconds - lead_seconds, LEAST_WARNING_SECONDS)
        self._deadlines.set(session, min(warned_at, self._ends_at(session)))

    def _ends_at(self, session: Session) -> float:
        return session.expires_at + self._policy.expiry_grace_seconds

    def _reach_deadline(self, session: Session, due_at: float) -> None:
        """A session's one deadline is its warning first, then its end."""
        if due_at >= self._ends_at(session):
            self._end(session, AuthenticationCode.TOKEN_EXPIRED)
        elif session.holder is not None:
            self._deadlines.set(session, self._ends_at(session))
            session.holder.warn_of_expiry(_expiry(session))

    def _end_revoked(self, revocation: Revocation) -> None:
        self._recent.remember(revocation)
        sessions = self._live.covered_by(revocation)
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


def _may_replace(next_one: Credential, present: Credential) -> bool:
    """Whether it is another token that does not expire earlier."""
    is_older = next_one.principal.expires_at < present.principal.expires_at
    return next_one.digest != present.digest and not is_older


def _expiry(session: Session) -> datetime:
    return datetime.fromtimestamp(session.credential.principal.expires_at, UTC)
