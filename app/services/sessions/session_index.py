"""Finds and counts open sessions, and remembers recent revocations."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from app.concurrency.bounded_dict import BoundedDict
from app.domain.credential import Credential, Revocation, RevocationKind, subjects_of
from app.domain.ids import UserId
from app.ports import Clock
from app.services.sessions.session import Session

REMEMBERED_SECONDS = 60.0
"""How long a revocation is remembered; opening a session takes less time."""

MAX_REMEMBERED = 10_000

_Subject = tuple[RevocationKind, str]


class SessionIndex:
    """Finds open sessions by token, sign-in or user, with one dict lookup, and counts them.

    A session's credentials must not change while the session is in the index.
    """

    def __init__(self) -> None:
        self._sessions: set[Session] = set()
        self._by_subject: dict[_Subject, tuple[Session, ...]] = {}
        self._counts: Counter[str] = Counter()
        """The number of sessions of each client network that has sessions."""

    def __len__(self) -> int:
        return len(self._sessions)

    def __contains__(self, session: Session) -> bool:
        return session in self._sessions

    def add(self, session: Session) -> None:
        """Add a session."""
        self._sessions.add(session)
        self._counts[session.network] += 1
        for subject in _subjects(session):
            self._by_subject[subject] = (*self._by_subject.get(subject, ()), session)

    def remove(self, session: Session) -> None:
        """Remove a session, which must be in the index."""
        self._sessions.remove(session)
        self._counts[session.network] -= 1
        if not self._counts[session.network]:
            del self._counts[session.network]
        for subject in _subjects(session):
            others = tuple(each for each in self._by_subject[subject] if each is not session)
            if others:
                self._by_subject[subject] = others
            else:
                del self._by_subject[subject]

    def count_of(self, network: str) -> int:
        """Return the number of sessions of a client network."""
        return self._counts[network]

    def of_user(self, user_id: UserId) -> tuple[Session, ...]:
        """Return the user's sessions, in the order in which their tokens were accepted."""
        return self._by_subject.get((RevocationKind.USER, user_id), ())

    def covered_by(self, revocation: Revocation) -> tuple[Session, ...]:
        """Return the sessions that a revocation ends."""
        found = self._by_subject.get((revocation.kind, revocation.subject), ())
        return tuple(
            session
            for session in found
            if any(revocation.covers(credential) for credential in session.credentials)
        )

    def credentials(self) -> Iterator[Credential]:
        """Yield the credentials of all sessions."""
        for session in self._sessions:
            yield from session.credentials


class RecentRevocations:
    """The revocations of the last minute, at most `MAX_REMEMBERED`.

    A revocation may arrive after the query of the store for a token and before the session with the
    token is open. The query does not return such a revocation, and no open session exists that it
    could end, so `SessionService` also checks the recent revocations. No tokens are kept.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._recent: BoundedDict[_Subject, tuple[Revocation, float]] = BoundedDict(MAX_REMEMBERED)

    def remember(self, revocation: Revocation) -> None:
        """Keep a revocation for `REMEMBERED_SECONDS` from now."""
        subject = (revocation.kind, revocation.subject)
        known, _ = self._recent.get(subject, (revocation, 0.0))
        latest = max(known, revocation, key=lambda each: each.issued_until)
        now = self._clock.monotonic()
        self._recent[subject] = (replace(latest, token=None), now + REMEMBERED_SECONDS)
        while next(iter(self._recent.values()))[1] <= now:
            self._recent.popitem(last=False)

    def cover(self, credential: Credential) -> bool:
        """Return whether a recent revocation covers the credential."""
        now = self._clock.monotonic()
        found = filter(None, map(self._recent.get, subjects_of(credential)))
        return any(now < until and revocation.covers(credential) for revocation, until in found)


def _subjects(session: Session) -> set[_Subject]:
    subjects = set(subjects_of(session.credential))
    if session.replaced is not None:
        subjects.update(subjects_of(session.replaced))
    return subjects
