"""Tests refreshing the token of a session (app/services/session_service.py)."""

from dataclasses import replace
from datetime import timedelta

import pytest

from app.domain.credential import Revocation, RevocationKind
from app.domain.errors import AuthenticationCode, AuthenticationError
from app.domain.ids import UserId
from app.services.sessions.session import Session
from tests.doubles.manual_clock import ManualClock
from tests.unit.services.people import ALICE, BOB
from tests.unit.services.session_setting import (
    ADDRESS,
    ATTEMPTS,
    BOBS_TOKEN,
    FAILURES,
    GRACE,
    LEAD,
    LIFETIME,
    NEXT_TOKEN,
    POLICY,
    SKEW,
    TOKEN,
    Holder,
    Setting,
    UnavailableStore,
    ready,
)


async def refusal_of_refresh(setting: Setting, session: Session, token: str) -> AuthenticationCode:
    """Return the error code with which a refresh is rejected."""
    with pytest.raises(AuthenticationError) as caught:
        await setting.sessions.refresh(session, token, ADDRESS)
    return caught.value.code


async def test_session_goes_on_when_refreshed(setting: Setting) -> None:
    """The new token decides when the session expires and when its client is warned."""
    holder = Holder()
    session = await setting.open(holder=holder)
    setting.clock.advance(LIFETIME - LEAD)

    expires_at = await setting.sessions.refresh(session, NEXT_TOKEN, ADDRESS)

    assert setting.clock.now() + timedelta(seconds=LIFETIME) == expires_at
    setting.clock.advance(LIFETIME + SKEW - 0.001)
    setting.check(session)
    assert [expires_at] == holder.warnings[1:]
    setting.clock.advance(0.001)
    assert AuthenticationCode.TOKEN_EXPIRED == setting.refusal_of_events(session)
    setting.clock.advance(GRACE)
    assert [AuthenticationCode.TOKEN_EXPIRED] == holder.farewells


async def test_expiry_stays_when_the_token_is_older(setting: Setting) -> None:
    """If a valid token expires earlier, the answer has the current expiry."""
    holder = Holder()
    session = await setting.open(holder=holder)
    setting.clock.advance(10)
    expires_at = await setting.sessions.refresh(session, NEXT_TOKEN, ADDRESS)

    answered = await setting.sessions.refresh(session, TOKEN, ADDRESS)

    assert expires_at == answered
    assert NEXT_TOKEN == session.credential.token
    setting.clock.advance(LIFETIME + SKEW - 0.001)
    setting.check(session)
    assert [expires_at] == holder.warnings


async def test_refresh_is_refused_when_the_older_token_is_revoked(setting: Setting) -> None:
    """Every token is verified, even if it would change nothing."""
    session = await setting.open()
    setting.clock.advance(10)
    await setting.sessions.refresh(session, NEXT_TOKEN, ADDRESS)
    await setting.sessions.refresh(session, TOKEN, ADDRESS)
    await setting.store.add(Revocation.of_token(TOKEN), LIFETIME)

    code = await refusal_of_refresh(setting, session, TOKEN)

    assert AuthenticationCode.REVOKED == code


async def test_session_comes_back_when_refreshed_within_the_grace(setting: Setting) -> None:
    """After a refresh within the grace period, events of the session are accepted again."""
    holder = Holder()
    session = await setting.open(holder=holder)
    setting.clock.advance(LIFETIME + SKEW + GRACE - 1)

    await setting.sessions.refresh(session, NEXT_TOKEN, ADDRESS)

    setting.check(session)
    setting.clock.advance(LIFETIME)
    assert [] == holder.farewells


async def test_refresh_is_refused_when_the_session_has_ended(setting: Setting) -> None:
    """A session whose socket is being closed cannot be refreshed."""
    session = await setting.open()
    setting.clock.advance(LIFETIME + SKEW + GRACE)

    code = await refusal_of_refresh(setting, session, NEXT_TOKEN)

    assert AuthenticationCode.TOKEN_EXPIRED == code
    assert AuthenticationCode.TOKEN_EXPIRED == setting.refusal_of_events(session)


@pytest.mark.parametrize(("user_id", "session_id"), [(BOB, "sess"), (BOB, None), (ALICE, "other")])
async def test_refresh_is_refused_when_the_token_is_of_somebody_else(
    setting: Setting, user_id: UserId, session_id: str | None
) -> None:
    """A token of another user, or of another sign-in, does not change the session."""
    session = await setting.open()
    alice = setting.verifier.principals[TOKEN]
    setting.verifier.principals["other"] = replace(alice, user_id=user_id, session_id=session_id)

    code = await refusal_of_refresh(setting, session, "other")

    assert AuthenticationCode.SUBJECT_CHANGED == code
    assert TOKEN == session.credential.token


@pytest.mark.parametrize("token", [TOKEN, NEXT_TOKEN])
async def test_refresh_is_taken_when_one_of_the_tokens_names_no_sign_in(
    setting: Setting, token: str
) -> None:
    """The claim ``sid`` is compared only if both tokens have it."""
    principals = setting.verifier.principals
    principals[token] = replace(principals[token], session_id=None)
    session = await setting.open()

    await setting.sessions.refresh(session, NEXT_TOKEN, ADDRESS)

    assert NEXT_TOKEN == session.credential.token


async def test_nothing_begins_anew_when_the_token_is_the_same_again(setting: Setting) -> None:
    """Sending the current token again causes no second warning.

    Revoking the token before it still ends the session.
    """
    holder = Holder()
    session = await setting.open(holder=holder)
    setting.clock.advance(1)
    await setting.sessions.refresh(session, NEXT_TOKEN, ADDRESS)
    setting.clock.advance(LIFETIME)

    for _ in range(3):
        await setting.sessions.refresh(session, NEXT_TOKEN, ADDRESS)
        setting.clock.advance(1)
    warnings = len(holder.warnings)
    await setting.sessions.revoke(RevocationKind.TOKEN, TOKEN)

    assert (1, [AuthenticationCode.REVOKED]) == (warnings, holder.farewells)


async def test_session_is_as_it_was_when_the_new_token_is_bad(setting: Setting) -> None:
    """The client may try again until the session ends."""
    holder = Holder()
    session = await setting.open(holder=holder)

    code = await refusal_of_refresh(setting, session, "forged")

    assert setting.verifier.refusal is code
    setting.check(session)
    setting.clock.advance(LIFETIME + SKEW)
    assert AuthenticationCode.TOKEN_EXPIRED == setting.refusal_of_events(session)


@pytest.mark.parametrize(
    "revocation",
    [
        Revocation.of_token(TOKEN),
        Revocation.of_token(NEXT_TOKEN),
        Revocation.of_session("sess"),
    ],
)
async def test_refreshed_session_ends_when_anything_it_stands_on_is_revoked(
    setting: Setting, revocation: Revocation
) -> None:
    """A session ends if its current token or its previous token is revoked."""
    holder = Holder()
    session = await setting.open(holder=holder)
    await setting.sessions.refresh(session, NEXT_TOKEN, ADDRESS)

    await setting.blacklist.revoke(revocation, 60)

    assert [AuthenticationCode.REVOKED] == holder.farewells


async def test_refresh_is_refused_when_the_new_token_is_revoked(setting: Setting) -> None:
    session = await setting.open()
    await setting.blacklist.blacklist_token(NEXT_TOKEN, 60)

    assert AuthenticationCode.REVOKED == await refusal_of_refresh(setting, session, NEXT_TOKEN)


async def test_refresh_is_refused_when_the_session_is_revoked_meanwhile(setting: Setting) -> None:
    """The session is revoked while the new token is being verified."""
    session = await setting.open()
    setting.verifier.meanwhile = lambda: setting.sessions._end_revoked(Revocation.of_token(TOKEN))

    code = await refusal_of_refresh(setting, session, NEXT_TOKEN)

    assert AuthenticationCode.REVOKED == code


async def test_refresh_is_taken_when_revocations_cannot_be_read(clock: ManualClock) -> None:
    """Connected clients may continue, even though new connections are rejected."""
    store = UnavailableStore(clock)
    setting = await ready(clock, store=store, admit_unchecked=True)
    session = await setting.open()
    setting.authentication._admit_unchecked = False

    await setting.sessions.refresh(session, NEXT_TOKEN, ADDRESS)
    await setting.store.add(Revocation.of_session("sess"), 60)
    await setting.blacklist.catch_up()

    assert AuthenticationCode.REVOKED == setting.refusal_of_events(session)


async def test_refresh_takes_no_attempt_when_a_thousand_users_have_one_address(
    setting: Setting,
) -> None:
    """A refresh does not use up the address's attempts to connect."""
    session = await setting.open()

    for _ in range(2 * ATTEMPTS):
        await setting.sessions.refresh(session, NEXT_TOKEN, ADDRESS)

    await setting.open(BOBS_TOKEN)


async def test_refresh_counts_against_the_address_when_it_fails(setting: Setting) -> None:
    """A failed refresh counts like a failed connect."""
    session = await setting.open()

    for _ in range(FAILURES):
        await refusal_of_refresh(setting, session, "forged")

    assert AuthenticationCode.TOO_MANY_ATTEMPTS == await setting.refusal_of(TOKEN)


async def test_refresh_moves_no_deadline_when_expiry_is_not_enforced(clock: ManualClock) -> None:
    """With AUTH_EXPIRY=handshake, a refreshed session uses the new token."""
    setting = await ready(clock, replace(POLICY, enforce_expiry=False))
    holder = Holder()
    session = await setting.open(holder=holder)

    await setting.sessions.refresh(session, NEXT_TOKEN, ADDRESS)
    clock.advance(10 * LIFETIME)
    setting.check(session)
    await setting.sessions.revoke(RevocationKind.TOKEN, NEXT_TOKEN)

    assert ([], [AuthenticationCode.REVOKED]) == (holder.warnings, holder.farewells)
