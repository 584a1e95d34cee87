from dataclasses import replace
from datetime import UTC, datetime

import pytest

from app.adapters.memory.manual_clock import ManualClock
from app.domain.errors import AuthenticationCode, AuthenticationError
from tests.unit.services.people import BOB
from tests.unit.services.session_setting import (
    ADDRESS,
    GRACE,
    LEAD,
    LIFETIME,
    POLICY,
    SKEW,
    TOKEN,
    Holder,
    Setting,
    ready,
)


async def test_check_passes_when_session_is_fresh(setting: Setting) -> None:
    """Just opened, just before the end of token and skew."""
    session = setting.sessions.open(setting.verifier.alice, TOKEN, Holder())

    setting.sessions.check(session)
    setting.clock.advance(LIFETIME + SKEW - 0.001)
    setting.sessions.check(session)


async def test_check_refuses_when_token_has_expired(setting: Setting) -> None:
    """Events are refused at once; the socket itself stays for the grace."""
    holder = Holder()
    session = setting.sessions.open(setting.verifier.alice, TOKEN, holder)
    setting.clock.advance(LIFETIME + SKEW)

    with pytest.raises(AuthenticationError) as caught:
        setting.sessions.check(session)

    assert AuthenticationCode.TOKEN_EXPIRED == caught.value.code
    assert [] == holder.farewells


async def test_session_ends_once_when_the_grace_is_over(setting: Setting) -> None:
    """The socket is told at exp + skew + grace, not before, and only once."""
    holder = Holder()
    setting.sessions.open(setting.verifier.alice, TOKEN, holder)

    setting.clock.advance(LIFETIME + SKEW + GRACE - 0.001)
    before = list(holder.farewells)
    setting.clock.advance(1)
    await setting.blacklist.blacklist_token(TOKEN, 60)

    assert [] == before
    assert [AuthenticationCode.TOKEN_EXPIRED] == holder.farewells


async def test_session_is_warned_once_when_its_token_expires_soon(setting: Setting) -> None:
    """A lead before the end, with the time of it."""
    holder = Holder()
    setting.sessions.open(setting.verifier.alice, TOKEN, holder)

    setting.clock.advance(LIFETIME - LEAD - 0.001)
    before = list(holder.warnings)
    setting.clock.advance(LIFETIME)

    expires_at = datetime.fromtimestamp(setting.verifier.alice.expires_at, UTC)
    assert ([], [expires_at]) == (before, holder.warnings)


async def test_session_is_not_warned_when_its_token_has_expired_already(setting: Setting) -> None:
    """Within the skew it is let in; a warning would come too late to be of use."""
    holder = Holder()
    setting.clock.advance(LIFETIME)

    setting.sessions.open(setting.verifier.alice, TOKEN, holder)
    setting.clock.advance(SKEW + GRACE)

    assert ([], [AuthenticationCode.TOKEN_EXPIRED]) == (holder.warnings, holder.farewells)


async def test_session_may_close_when_it_is_warned(setting: Setting) -> None:
    """Then nothing more is heard of it."""

    class Closes(Holder):
        def warn_of_expiry(self, expires_at: datetime) -> None:
            super().warn_of_expiry(expires_at)
            setting.sessions.close(session)

    holder = Closes()
    session = setting.sessions.open(setting.verifier.alice, TOKEN, holder)

    setting.clock.advance(LIFETIME + SKEW + GRACE)

    assert (1, []) == (len(holder.warnings), holder.farewells)


async def test_session_is_not_warned_when_it_was_closed(setting: Setting) -> None:
    """Nobody is there any more."""
    holder = Holder()
    session = setting.sessions.open(setting.verifier.alice, TOKEN, holder)

    setting.sessions.close(session)
    setting.clock.advance(LIFETIME)

    assert [] == holder.warnings


async def test_session_outlives_its_token_when_expiry_is_not_enforced(clock: ManualClock) -> None:
    """AUTH_EXPIRY=handshake: only the connect asks."""
    setting = await ready(clock, replace(POLICY, enforce_expiry=False))
    holder = Holder()
    session = setting.sessions.open(setting.verifier.alice, TOKEN, holder)

    clock.advance(10 * (LIFETIME + SKEW + GRACE))
    setting.sessions.check(session)

    assert [] == holder.farewells


async def test_sessions_of_the_token_end_when_it_is_revoked(setting: Setting) -> None:
    """Every socket of that token is told, once, and refused from then on."""
    holders = [Holder(), Holder()]
    sessions = [setting.sessions.open(setting.verifier.alice, TOKEN, holder) for holder in holders]

    await setting.blacklist.blacklist_token(TOKEN, 60)
    await setting.blacklist.blacklist_token(TOKEN, 60)
    setting.clock.advance(LIFETIME + SKEW + GRACE)

    assert [[AuthenticationCode.REVOKED]] * 2 == [holder.farewells for holder in holders]
    for session in sessions:
        with pytest.raises(AuthenticationError) as caught:
            setting.sessions.check(session)
        assert AuthenticationCode.REVOKED == caught.value.code


async def test_session_goes_on_when_another_token_is_revoked(setting: Setting) -> None:
    """A revocation concerns one token."""
    holder = Holder()
    session = setting.sessions.open(setting.verifier.alice, TOKEN, holder)

    await setting.blacklist.blacklist_token("another", 60)
    setting.sessions.check(session)

    assert [] == holder.farewells


async def test_no_session_is_left_usable_when_one_of_them_is_told_of_the_revocation(
    setting: Setting,
) -> None:
    """All are marked before any is told: a farewell may run for long."""
    refused: list[AuthenticationCode] = []

    class TriesAll(Holder):
        def end_session(self, _error: AuthenticationError) -> None:
            for session in sessions:
                with pytest.raises(AuthenticationError) as caught:
                    setting.sessions.check(session)
                refused.append(caught.value.code)

    sessions = [setting.sessions.open(setting.verifier.alice, TOKEN, TriesAll()) for _ in range(2)]

    await setting.blacklist.blacklist_token(TOKEN, 60)

    assert [AuthenticationCode.REVOKED] * 4 == refused


async def test_open_refuses_when_token_was_revoked_since_it_was_checked(setting: Setting) -> None:
    """A revocation finds a connect that is under way, too."""
    principal = await setting.sessions.authenticate(TOKEN, ADDRESS)
    await setting.blacklist.blacklist_token(TOKEN, 60)

    with pytest.raises(AuthenticationError) as caught:
        setting.sessions.open(principal, TOKEN, Holder())

    assert AuthenticationCode.REVOKED == caught.value.code


async def test_open_refuses_when_user_has_too_many_sockets(setting: Setting) -> None:
    """The cap is per user: another one still gets in."""
    alice, bob = setting.verifier.alice, replace(setting.verifier.alice, user_id=BOB)
    for number in range(POLICY.max_sockets_per_user):
        setting.sessions.open(alice, f"token {number}", Holder())

    with pytest.raises(AuthenticationError) as caught:
        setting.sessions.open(alice, TOKEN, Holder())
    setting.sessions.open(bob, "bobs token", Holder())

    assert AuthenticationCode.TOO_MANY_SOCKETS == caught.value.code


async def test_close_frees_one_slot_when_called_twice(setting: Setting) -> None:
    """Closing is idempotent: it must not free the slot of a socket that is still there."""
    first, _second = (
        setting.sessions.open(setting.verifier.alice, TOKEN, Holder()) for _ in range(2)
    )
    setting.sessions.close(first)
    setting.sessions.close(first)

    setting.sessions.open(setting.verifier.alice, TOKEN, Holder())
    with pytest.raises(AuthenticationError) as caught:
        setting.sessions.open(setting.verifier.alice, TOKEN, Holder())

    assert AuthenticationCode.TOO_MANY_SOCKETS == caught.value.code


async def test_session_hears_nothing_when_closed(setting: Setting) -> None:
    """Neither the end of its token nor its revocation concerns a socket that is gone."""
    holder = Holder()
    session = setting.sessions.open(setting.verifier.alice, TOKEN, holder)

    setting.sessions.close(session)
    await setting.blacklist.blacklist_token(TOKEN, 600)
    setting.clock.advance(LIFETIME + SKEW + GRACE)

    assert [] == holder.farewells


async def test_sessions_may_close_themselves_when_they_end(setting: Setting) -> None:
    """Disconnecting from within ``end_session`` runs the gateway's clean-up, which closes."""

    class ClosesAll(Holder):
        def end_session(self, error: AuthenticationError) -> None:
            told.append(error.code)
            for session in sessions:
                setting.sessions.close(session)

    told: list[AuthenticationCode] = []
    sessions = [setting.sessions.open(setting.verifier.alice, TOKEN, ClosesAll()) for _ in range(2)]

    await setting.blacklist.blacklist_token(TOKEN, 60)

    assert [AuthenticationCode.REVOKED] == told


async def test_nothing_is_kept_when_every_session_is_closed(setting: Setting) -> None:
    """Memory stays flat under churn."""
    sessions = [
        setting.sessions.open(setting.verifier.alice, TOKEN, Holder()),
        setting.sessions.open(setting.verifier.alice, "newer token", Holder()),
    ]

    for session in sessions:
        setting.sessions.close(session)

    service = setting.sessions
    assert ({}, {}, 0) == (service._sessions, service._sockets_of, len(service._deadlines))
    assert [None, None] == [session.holder for session in sessions]
