from dataclasses import replace

from app.domain.credential import Credential, Revocation
from app.domain.principal import Principal
from app.services.sessions.session import Session
from app.services.sessions.session_index import SessionIndex
from tests.unit.services.people import ALICE

PRINCIPAL = Principal(ALICE, "sess", None, expires_at=60, issued_at=0)


def a_session(token: str, principal: Principal = PRINCIPAL) -> Session:
    return Session(ALICE, None, Credential.of(token, principal), "192.0.2.1")


def test_sessions_are_found_when_a_revocation_names_them() -> None:
    """The revocation names a user, a sign-in or a token."""
    live = SessionIndex()
    phone, laptop = a_session("one"), a_session("two", replace(PRINCIPAL, session_id="other"))
    live.add(phone)
    live.add(laptop)

    assert (phone,) == live.covered_by(Revocation.of_token("one"))
    assert (laptop,) == live.covered_by(Revocation.of_session("other"))
    assert (phone, laptop) == live.covered_by(Revocation.of_user(ALICE, 0))


def test_session_is_not_found_when_it_stands_on_something_issued_later() -> None:
    """A user may sign in again after a revocation."""
    live = SessionIndex()
    live.add(a_session("one", replace(PRINCIPAL, issued_at=10)))

    assert () == live.covered_by(Revocation.of_user(ALICE, 9))


def test_session_is_found_by_the_newest_two_tokens_when_it_was_refreshed_twice() -> None:
    """A session is found by its current token and its previous one, but by no older token."""
    live = SessionIndex()
    session = a_session("one")
    live.add(session)

    for token in ("two", "three"):
        live.remove(session)
        session.credential, session.replaced = (
            Credential.of(token, PRINCIPAL),
            session.credential,
        )
        live.add(session)

    found = {each: live.covered_by(Revocation.of_token(each)) for each in ("one", "two", "three")}
    assert {"one": (), "two": (session,), "three": (session,)} == found
    assert ["three", "two"] == [credential.token for credential in live.credentials()]


def test_nothing_is_kept_when_the_sessions_are_removed() -> None:
    live = SessionIndex()
    session = a_session("one")
    live.add(session)

    live.remove(session)

    assert session not in live
    assert ({}, set(), {}) == (live._by_subject, live._sessions, live._counts)
