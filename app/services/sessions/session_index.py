"""The open sessions of this node, found by whatever a revocation names."""

from collections.abc import Iterator

from app.domain.credential import Credential
from app.domain.ids import UserId
from app.domain.revocation import Revocation, RevocationKind, subjects_of
from app.services.sessions.session import Session

_Mark = tuple[RevocationKind, str]


class SessionIndex:
    """An index of sessions by their tokens, sign-ins and users: each look-up is one step.

    While a session is here its credentials must stay as they are.
    """

    def __init__(self) -> None:
        self._sessions: set[Session] = set()
        self._by_mark: dict[_Mark, tuple[Session, ...]] = {}

    def __contains__(self, session: Session) -> bool:
        return session in self._sessions

    def add(self, session: Session) -> None:
        """Index a session."""
        self._sessions.add(session)
        for mark in _marks(session):
            self._by_mark[mark] = (*self._by_mark.get(mark, ()), session)

    def remove(self, session: Session) -> None:
        """Forget a session that is here."""
        self._sessions.remove(session)
        for mark in _marks(session):
            others = tuple(each for each in self._by_mark[mark] if each is not session)
            if others:
                self._by_mark[mark] = others
            else:
                del self._by_mark[mark]

    def of_user(self, user_id: UserId) -> tuple[Session, ...]:
        """The user's sessions, by when their tokens were accepted."""
        return self._by_mark.get((RevocationKind.USER, user_id), ())

    def covered_by(self, revocation: Revocation) -> tuple[Session, ...]:
        """The sessions that may not go on."""
        named = self._by_mark.get((revocation.kind, revocation.subject), ())
        return tuple(each for each in named if any(map(revocation.covers, each.credentials)))

    def credentials(self) -> Iterator[Credential]:
        """All that the sessions stand on."""
        for session in self._sessions:
            yield from session.credentials


def _marks(session: Session) -> set[_Mark]:
    return {mark for credential in session.credentials for mark in subjects_of(credential)}
