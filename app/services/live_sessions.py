"""The open sessions of this node, found by whatever a revocation names."""

from collections.abc import Iterator

from app.domain.credential import Credential
from app.domain.revocation import Revocation, RevocationKind
from app.services.session import Session

_Mark = tuple[RevocationKind, str]


class LiveSessions:
    """An index of sessions by their tokens, sign-ins and users: each look-up is one step."""

    def __init__(self) -> None:
        self._by_mark: dict[_Mark, tuple[Session, ...]] = {}
        self._sessions: dict[Session, tuple[_Mark, ...]] = {}

    def __contains__(self, session: Session) -> bool:
        return session in self._sessions

    def add(self, session: Session) -> None:
        """Index a session; again, after its credentials have changed."""
        self.remove(session)
        marks = tuple({mark for each in session.credentials for mark in _marks(each)})
        self._sessions[session] = marks
        for mark in marks:
            self._by_mark[mark] = (*self._by_mark.get(mark, ()), session)

    def remove(self, session: Session) -> None:
        """Forget a session; harmless for one that is not here."""
        for mark in self._sessions.pop(session, ()):
            others = tuple(each for each in self._by_mark[mark] if each is not session)
            if others:
                self._by_mark[mark] = others
            else:
                del self._by_mark[mark]

    def covered_by(self, revocation: Revocation) -> tuple[Session, ...]:
        """The sessions that may not go on."""
        named = self._by_mark.get((revocation.kind, revocation.subject), ())
        return tuple(each for each in named if any(map(revocation.covers, each.credentials)))

    def credentials(self) -> Iterator[Credential]:
        """All that the sessions stand on."""
        for session in self._sessions:
            yield from session.credentials


def _marks(credential: Credential) -> Iterator[_Mark]:
    yield RevocationKind.TOKEN, credential.digest
    yield RevocationKind.USER, credential.principal.user_id
    if credential.principal.session_id is not None:
        yield RevocationKind.SESSION, credential.principal.session_id
