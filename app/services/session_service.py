"""Opens, refreshes, ends and revokes the sessions of sockets."""

from dataclasses import dataclass
from datetime import UTC, datetime

from app.domain.credential import Credential, Revocation, RevocationKind
from app.domain.errors import AuthenticationCode, AuthenticationError
from app.domain.ids import UserId
from app.domain.principal import CLOCK_SKEW_SECONDS
from app.ports import Clock, SocketQuota, TokenVerifier
from app.services.authentication_service import AuthenticationService, client_network
from app.services.sessions.deadline_queue import DeadlineQueue
from app.services.sessions.revocation_ttl import revocation_seconds
from app.services.sessions.session import Session, SessionHolder
from app.services.sessions.session_index import RecentRevocations, SessionIndex
from app.services.token_blacklist_service import TokenBlacklistService

LEAST_WARNING_SECONDS = 0.5
"""The minimum time between accepting a token and warning of its expiry.

Without this minimum, a client whose tokens are always about to expire would be warned continuously.
"""


@dataclass(frozen=True, slots=True)
class SessionPolicy:
    """The settings of sessions.

    Attributes:
        expiring_lead_seconds: Warn the client this long before its token expires.
        expiry_grace_seconds: Keep the socket of an expired session connected for this long, and
            reject its events.
        enforce_expiry: If false, the expiry of a token is checked only when the client sends it.
        max_token_seconds: The longest lifetime of a token. A revocation of a user or a sign-in is
            kept for at least this long.
        max_sockets: The maximum number of sessions on this node.
        max_sockets_per_address: The maximum number of sessions on this node for each client
            network.
    """

    expiring_lead_seconds: float
    expiry_grace_seconds: float
    enforce_expiry: bool
    max_token_seconds: int
    max_sockets: int
    max_sockets_per_address: int


@dataclass(frozen=True, slots=True)
class Revoked:
    """A stored revocation, and the time until which it is kept."""

    revocation: Revocation
    until: datetime


class SessionService:
    """Opens the sessions of sockets, and ends them when they expire or are revoked.

    Once a token is verified, its expiry is measured by the monotonic clock, so a jump of the wall
    clock does not end sessions.
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
        self._open = SessionIndex()

    async def on_module_init(self) -> None:
        """Subscribe to revocations."""
        self._blacklist.watch(self._end_revoked, self._open.credentials)

    async def open(self, sent: object, address: str, holder: SessionHolder) -> Session:
        """Authenticate a socket and open its session; the caller must close every session.

        The holder is warned before the token expires. The holder's `end_session` is called when the
        grace period after the expiry has passed, or immediately when the session is revoked.

        Raises:
            AuthenticationError: The socket is not admitted; the code gives the reason.
        """
        network = client_network(address)
        self._check_limits(network)  # before the token is verified, which costs more
        credential = await self._authentication.authenticate(sent, address)
        user_id = credential.principal.user_id
        if not await self._reserve_socket(user_id):
            raise AuthenticationError(AuthenticationCode.TOO_MANY_SOCKETS)
        if self._recent.cover(credential):  # revoked since the store was read
            self._quota.release(user_id)
            revoked = AuthenticationError(AuthenticationCode.REVOKED)
            raise await self._authentication.counted(revoked, address)
        try:
            self._check_limits(network)  # others may have been admitted in the meantime
        except AuthenticationError:
            self._quota.release(user_id)
            raise
        session = Session(user_id, holder, credential, network)
        self._set_expiry(session)
        self._open.add(session)
        return session

    async def refresh(self, session: Session, sent: object, address: str) -> datetime:
        """Replace the token of an open session; return the time at which the session expires.

        A valid token that expires before the current one changes nothing: a client that sends a
        cached token late must not shorten its session.

        If this raises, the session is unchanged. If the code of the error is ``subject_changed`` or
        ``revoked``, the caller must disconnect the socket.

        Raises:
            AuthenticationError: The token is rejected; the code gives the reason. The code is
                ``subject_changed`` if the token belongs to another user or another sign-in.
        """
        credential = await self._authentication.authenticate_again(sent, address)
        if not credential.principal.may_follow(session.credential.principal):
            changed = AuthenticationError(AuthenticationCode.SUBJECT_CHANGED)
            raise await self._authentication.counted(changed, address)
        if session.revoked or self._recent.cover(credential):
            raise AuthenticationError(AuthenticationCode.REVOKED)
        if session.holder is None:  # the session expired, or its socket was closed
            raise AuthenticationError(AuthenticationCode.TOKEN_EXPIRED)
        if _may_replace(credential, session.credential):
            self._open.remove(session)
            session.credential, session.replaced = credential, session.credential
            self._open.add(session)
            self._set_expiry(session)
        return _expiry(session)

    def close(self, session: Session) -> None:
        """Close a session and release its slot in the socket quota. Repeating this is harmless."""
        if session not in self._open:
            return
        self._open.remove(session)
        self._quota.release(session.user_id)
        self._release(session)

    async def revoke(self, kind: RevocationKind, value: str) -> Revoked:
        """Store a revocation for all nodes, and end the sessions that it covers.

        Args:
            value: Depending on the kind, the token, the ``sid`` of the sign-in, or the user's id.

        Raises:
            AuthenticationError: The kind is `RevocationKind.TOKEN`, and the value is not a session
                token.
            Unavailable: The revocation may or may not be stored; the caller must try again.
        """
        now = self._clock.now().timestamp()
        revocation, expires_at = self._revocation(kind, value, now)
        ttl_seconds = revocation_seconds(expires_at, now)
        await self._blacklist.revoke(revocation, ttl_seconds)
        return Revoked(revocation, datetime.fromtimestamp(now + ttl_seconds, UTC))

    def _revocation(self, kind: RevocationKind, value: str, now: float) -> tuple[Revocation, float]:
        """Return the revocation, and the time at which the last token that it covers expires."""
        match kind:
            case RevocationKind.TOKEN:
                return Revocation.of_token(value), self._verifier.claimed_expiry(value)
            case RevocationKind.SESSION:
                return Revocation.of_session(value), now + self._policy.max_token_seconds
            case RevocationKind.USER:
                longest = now + self._policy.max_token_seconds
                return Revocation.of_user(UserId(value), now), longest

    def _check_limits(self, network: str) -> None:
        """Raise `AuthenticationError` if the node or the client network has no socket left."""
        if len(self._open) >= self._policy.max_sockets:
            raise AuthenticationError(AuthenticationCode.NODE_FULL)
        if self._open.count_of(network) >= self._policy.max_sockets_per_address:
            raise AuthenticationError(AuthenticationCode.ADDRESS_FULL)

    async def _reserve_socket(self, user_id: UserId) -> bool:
        """Count one more socket of the user; return whether the user's quota allows the socket.

        If the quota is full, closes one of the user's sockets that does not answer pings, and tries
        again. Without this, a phone that changed networks could be rejected because of its own dead
        connections. Only sockets of this node are closed here. Other nodes close their dead
        connections after the ping timeout.
        """
        if await self._quota.acquire(user_id):
            return True
        for session in self._open.of_user(user_id):
            holder = session.holder
            if holder is not None and not holder.answers_pings:
                self.close(session)
                holder.close_transport()
                return await self._quota.acquire(user_id)
        return False

    def _set_expiry(self, session: Session) -> None:
        if not self._policy.enforce_expiry:
            return
        expires_at = session.credential.principal.expires_at
        life_seconds = expires_at - self._clock.now().timestamp()
        now = self._clock.monotonic()
        session.expires_at = now + life_seconds + CLOCK_SKEW_SECONDS
        # If the token lives for less than twice the lead, warn after half of its lifetime: a client
        # that refreshes on a warning must not be warned about the new token immediately.
        lead_seconds = min(self._policy.expiring_lead_seconds, life_seconds / 2)
        warned_at = now + max(life_seconds - lead_seconds, LEAST_WARNING_SECONDS)
        self._deadlines.set(session, min(warned_at, self._ends_at(session)))

    def _ends_at(self, session: Session) -> float:
        return session.expires_at + self._policy.expiry_grace_seconds

    def _reach_deadline(self, session: Session, due_at: float) -> None:
        """Warn the client at the first deadline, and end the session at the second."""
        if due_at >= self._ends_at(session):
            self._end(session, AuthenticationCode.TOKEN_EXPIRED)
        elif session.holder is not None:
            self._deadlines.set(session, self._ends_at(session))
            session.holder.warn_of_expiry(_expiry(session))

    def _end_revoked(self, revocation: Revocation) -> None:
        self._recent.remember(revocation)
        sessions = self._open.covered_by(revocation)
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


def _may_replace(new: Credential, current: Credential) -> bool:
    expires_earlier = new.principal.expires_at < current.principal.expires_at
    return new.digest != current.digest and not expires_earlier


def _expiry(session: Session) -> datetime:
    return datetime.fromtimestamp(session.credential.principal.expires_at, UTC)
