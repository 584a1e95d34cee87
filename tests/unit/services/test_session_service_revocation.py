"""Tests revoking sessions (app/services/session_service.py)."""

from datetime import timedelta

import pytest

from app.domain.credential import Revocation, RevocationKind
from app.domain.errors import AuthenticationCode, AuthenticationError
from tests.unit.services.people import ALICE, BOB
from tests.unit.services.session_setting import (
    BOBS_TOKEN,
    GRACE,
    LIFETIME,
    MAX_SOCKETS,
    NEXT_TOKEN,
    POLICY,
    SKEW,
    TOKEN,
    Holder,
    Setting,
)

BY_TOKEN = (RevocationKind.TOKEN, TOKEN)
BY_SESSION = (RevocationKind.SESSION, "sess")
BY_USER = (RevocationKind.USER, ALICE)


@pytest.mark.parametrize(("kind", "value"), [BY_TOKEN, BY_SESSION, BY_USER])
async def test_sessions_end_when_what_they_stand_on_is_revoked(
    setting: Setting, kind: RevocationKind, value: str
) -> None:
    """The revocation disconnects each affected socket once, and the token cannot connect again."""
    holders = [Holder() for _ in range(MAX_SOCKETS)]
    sessions = [await setting.open(holder=holder) for holder in holders]

    await setting.sessions.revoke(kind, value)
    await setting.sessions.revoke(kind, value)
    setting.clock.advance(GRACE)

    assert [[AuthenticationCode.REVOKED]] * 2 == [holder.farewells for holder in holders]
    assert [AuthenticationCode.REVOKED] * 2 == [*map(setting.refusal_of_events, sessions)]
    assert AuthenticationCode.REVOKED == await setting.refusal_of(TOKEN)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (RevocationKind.TOKEN, "another"),
        (RevocationKind.TOKEN, "sess"),
        (RevocationKind.SESSION, "another"),
        (RevocationKind.SESSION, ALICE),
        (RevocationKind.USER, BOB),
        (RevocationKind.USER, "sess"),
    ],
)
async def test_session_goes_on_when_something_else_is_revoked(
    setting: Setting, kind: RevocationKind, value: str
) -> None:
    """A revocation applies to its kind and its subject only."""
    holder = Holder()
    session = await setting.open(holder=holder)

    await setting.sessions.revoke(kind, value)
    setting.check(session)

    assert [] == holder.farewells


async def test_sign_in_is_refused_by_its_next_token_when_it_is_revoked(setting: Setting) -> None:
    """The session's next token has another text, but belongs to the same sign-in."""
    await setting.sessions.revoke(*BY_SESSION)
    setting.clock.advance(LIFETIME)

    assert AuthenticationCode.REVOKED == await setting.refusal_of(NEXT_TOKEN)


async def test_user_may_come_back_when_signed_in_after_the_revocation(setting: Setting) -> None:
    """Tokens from before the revocation are rejected. Tokens of the next second are accepted."""
    await setting.verifier.verify(TOKEN)
    await setting.sessions.revoke(*BY_USER)
    setting.clock.advance(1)

    session = await setting.open(NEXT_TOKEN)

    assert AuthenticationCode.REVOKED == await setting.refusal_of(TOKEN)
    assert ALICE == session.user_id


async def test_others_go_on_when_a_user_is_revoked(setting: Setting) -> None:
    bob = Holder()
    await setting.open(BOBS_TOKEN, bob)

    await setting.sessions.revoke(*BY_USER)

    assert [] == bob.farewells


@pytest.mark.parametrize(
    ("kind", "value", "kept_seconds"),
    [
        (*BY_TOKEN, 30 * 86_400 + SKEW),
        (*BY_SESSION, POLICY.max_token_seconds + SKEW),
        (*BY_USER, POLICY.max_token_seconds + SKEW),
    ],
)
async def test_revocation_outlives_every_token_it_concerns_when_made(
    setting: Setting, kind: RevocationKind, value: str, kept_seconds: int
) -> None:
    """A revocation is stored for as long as any token that it covers could be accepted."""
    revoked = await setting.sessions.revoke(kind, value)

    assert setting.clock.now() + timedelta(seconds=kept_seconds) == revoked.until


async def test_no_session_is_left_usable_when_one_of_them_is_told_of_the_revocation(
    setting: Setting,
) -> None:
    """All sessions are marked as revoked before the first socket is disconnected."""
    refused: list[AuthenticationCode] = []

    class TriesAll(Holder):
        def end_session(self, _error: AuthenticationError) -> None:
            refused.extend(map(setting.refusal_of_events, sessions))

    sessions = [await setting.open(holder=TriesAll()) for _ in range(2)]

    await setting.sessions.revoke(*BY_TOKEN)

    assert [AuthenticationCode.REVOKED] * 4 == refused


async def test_sessions_may_close_themselves_when_they_end(setting: Setting) -> None:
    """Disconnecting in ``end_session`` runs the gateway's clean-up, which closes the session."""

    class ClosesAll(Holder):
        def end_session(self, error: AuthenticationError) -> None:
            notified.append(error.code)
            for session in sessions:
                setting.sessions.close(session)

    notified: list[AuthenticationCode] = []
    sessions = [await setting.open(holder=ClosesAll()) for _ in range(2)]

    await setting.sessions.revoke(*BY_TOKEN)

    assert [AuthenticationCode.REVOKED] == notified


async def test_open_refuses_when_token_was_revoked_since_it_was_looked_up(
    setting: Setting,
) -> None:
    """A revocation by another node rejects a client that is connecting, and frees its quota."""
    setting.verifier.meanwhile = lambda: setting.sessions._end_revoked(Revocation.of_token(TOKEN))

    code = await setting.refusal_of(TOKEN)

    setting.verifier.meanwhile = lambda: None
    for _ in range(MAX_SOCKETS):
        await setting.open(NEXT_TOKEN)
    assert AuthenticationCode.REVOKED == code
