import asyncio
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from app.domain.errors import AuthenticationCode, AuthenticationError
from app.services.session_service import LEAST_WARNING_SECONDS, SessionPolicy
from tests.doubles.manual_clock import ManualClock
from tests.unit.services.session_setting import (
    ATTEMPTS,
    BOBS_TOKEN,
    GRACE,
    LEAD,
    LIFETIME,
    MAX_SOCKETS,
    NEXT_TOKEN,
    POLICY,
    SKEW,
    TOKEN,
    Holder,
    Setting,
    SlowStore,
    ready,
)


async def test_check_passes_when_session_is_fresh(setting: Setting) -> None:
    """A session is valid from its start until its token's expiry plus the clock skew."""
    session = await setting.open()

    setting.check(session)
    setting.clock.advance(LIFETIME + SKEW - 0.001)
    setting.check(session)


async def test_check_refuses_when_token_has_expired(setting: Setting) -> None:
    """Events are rejected immediately, but the socket stays connected for the grace period."""
    holder = Holder()
    session = await setting.open(holder=holder)
    setting.clock.advance(LIFETIME + SKEW)

    assert AuthenticationCode.TOKEN_EXPIRED == setting.refusal_of_events(session)
    assert [] == holder.farewells


async def test_session_ends_once_when_the_grace_is_over(setting: Setting) -> None:
    """The socket is disconnected once: at expiry plus clock skew plus grace period."""
    holder = Holder()
    await setting.open(holder=holder)

    setting.clock.advance(LIFETIME + SKEW + GRACE - 0.001)
    before = list(holder.farewells)
    setting.clock.advance(1)
    await setting.blacklist.blacklist_token(TOKEN, 60)

    assert [] == before
    assert [AuthenticationCode.TOKEN_EXPIRED] == holder.farewells


async def test_session_is_warned_once_when_its_token_expires_soon(setting: Setting) -> None:
    """The warning contains the time at which the token expires."""
    holder = Holder()
    expires_at = setting.clock.now() + timedelta(seconds=LIFETIME)
    await setting.open(holder=holder)

    setting.clock.advance(LIFETIME - LEAD - 0.001)
    before = list(holder.warnings)
    setting.clock.advance(LIFETIME)

    assert ([], [expires_at]) == (before, holder.warnings)


async def test_session_is_warned_halfway_when_its_token_lives_shorter_than_two_leads(
    clock: ManualClock,
) -> None:
    """A client that refreshes on a warning must not be warned again immediately."""
    setting = await ready(clock, replace(POLICY, expiring_lead_seconds=10 * LIFETIME))
    holder = Holder()
    await setting.open(holder=holder)

    clock.advance(LIFETIME / 2 - 0.001)
    before = len(holder.warnings)
    clock.advance(0.001)

    assert (0, 1) == (before, len(holder.warnings))


@pytest.mark.parametrize("late_seconds", [0, SKEW - 0.001])
async def test_session_is_warned_soon_when_its_token_has_expired_already(
    setting: Setting, late_seconds: float
) -> None:
    """A token within the clock skew after its expiry is accepted, and its client is warned once."""
    holder = Holder()
    await setting.verifier.verify(TOKEN)
    setting.clock.advance(LIFETIME + late_seconds)

    await setting.open(holder=holder)
    warnings = []
    for seconds in (LEAST_WARNING_SECONDS - 0.001, 0.001, SKEW + GRACE - late_seconds - 0.502):
        setting.clock.advance(seconds)
        warnings.append((len(holder.warnings), len(holder.farewells)))
    setting.clock.advance(0.1)

    assert [(0, 0), (1, 0), (1, 0)] == warnings
    assert [AuthenticationCode.TOKEN_EXPIRED] == holder.farewells


async def test_session_may_close_when_it_is_warned(setting: Setting) -> None:
    """A session that is closed during its warning receives nothing more."""

    class Closes(Holder):
        def warn_of_expiry(self, expires_at: datetime) -> None:
            super().warn_of_expiry(expires_at)
            setting.sessions.close(session)

    holder = Closes()
    session = await setting.open(holder=holder)

    setting.clock.advance(LIFETIME + SKEW + GRACE)

    assert (1, []) == (len(holder.warnings), holder.farewells)


async def test_session_is_not_warned_when_it_was_closed(setting: Setting) -> None:
    holder = Holder()
    session = await setting.open(holder=holder)

    setting.sessions.close(session)
    setting.clock.advance(LIFETIME)

    assert [] == holder.warnings


async def test_session_outlives_its_token_when_expiry_is_not_enforced(clock: ManualClock) -> None:
    """With AUTH_EXPIRY=handshake, the expiry is checked only when a client connects."""
    setting = await ready(clock, replace(POLICY, enforce_expiry=False))
    holder = Holder()
    session = await setting.open(holder=holder)

    clock.advance(10 * (LIFETIME + SKEW + GRACE))
    setting.check(session)

    assert [] == holder.farewells


@pytest.mark.parametrize("jump_seconds", [-3_600, 3_600])
async def test_session_ends_on_time_when_the_wall_clock_jumps(
    setting: Setting, jump_seconds: int
) -> None:
    """Once a token is verified, the monotonic clock decides when it expires."""
    holder = Holder()
    session = await setting.open(holder=holder)

    setting.clock.jump(jump_seconds)
    setting.clock.advance(LIFETIME + SKEW - 0.001)
    setting.check(session)
    setting.clock.advance(0.001)

    assert AuthenticationCode.TOKEN_EXPIRED == setting.refusal_of_events(session)
    setting.clock.advance(GRACE)
    assert [AuthenticationCode.TOKEN_EXPIRED] == holder.farewells


async def test_open_refuses_when_user_has_too_many_sockets(setting: Setting) -> None:
    """The limit counts all sockets of the user, whichever tokens they have."""
    for _ in range(MAX_SOCKETS):
        await setting.open()

    code = await setting.refusal_of(NEXT_TOKEN)
    await setting.open(BOBS_TOKEN)

    assert AuthenticationCode.TOO_MANY_SOCKETS == code


@pytest.mark.parametrize(
    ("policy", "code"),
    [
        (replace(POLICY, max_sockets=1), AuthenticationCode.NODE_FULL),
        (replace(POLICY, max_sockets_per_address=1), AuthenticationCode.ADDRESS_FULL),
    ],
    ids=["node", "address"],
)
async def test_open_refuses_until_a_socket_closes_when_there_are_too_many(
    clock: ManualClock, policy: SessionPolicy, code: AuthenticationCode
) -> None:
    """The token is not verified, and nobody's attempts or sockets are counted."""
    setting = await ready(clock, policy)
    session = await setting.open()
    verified = setting.verifier.asked

    refused = [await setting.refusal_of(BOBS_TOKEN) for _ in range(ATTEMPTS + MAX_SOCKETS)]

    assert {code} == set(refused)
    assert verified == setting.verifier.asked
    setting.sessions.close(session)
    await setting.open(BOBS_TOKEN)


async def test_open_counts_only_the_sockets_of_the_same_address(clock: ManualClock) -> None:
    """The addresses of one IPv6 /64 network count as one address."""
    setting = await ready(clock, replace(POLICY, max_sockets_per_address=1))
    await setting.sessions.open(TOKEN, "2001:db8::1", Holder())

    await setting.sessions.open(TOKEN, "2001:db8:0:1::1", Holder())
    with pytest.raises(AuthenticationError) as caught:
        await setting.sessions.open(BOBS_TOKEN, "2001:db8::2", Holder())

    assert AuthenticationCode.ADDRESS_FULL == caught.value.code


async def test_open_admits_only_one_when_several_connect_to_the_last_place(
    clock: ManualClock,
) -> None:
    """The others pass the first check together, and do not count as sockets of their user."""
    policy = replace(POLICY, max_sockets=1)
    setting = await ready(clock, policy, SlowStore(clock))

    opened = await asyncio.gather(
        *(setting.open() for _ in range(MAX_SOCKETS + 1)), return_exceptions=True
    )

    codes = [each.code for each in opened if isinstance(each, AuthenticationError)]
    assert [AuthenticationCode.NODE_FULL] * MAX_SOCKETS == codes


async def test_open_closes_the_oldest_silent_socket_when_the_user_has_too_many(
    setting: Setting,
) -> None:
    """Only a socket that does not answer pings is closed."""
    alive, silent, newer = Holder(), Holder(), Holder()
    silent.answers_pings = False
    for holder in (alive, silent):
        await setting.open(holder=holder)

    await setting.open(NEXT_TOKEN, newer)

    closed = [holder.transport_closed for holder in (alive, silent, newer)]
    assert [False, True, False] == closed
    assert AuthenticationCode.TOO_MANY_SOCKETS == await setting.refusal_of(TOKEN)


async def test_open_closes_no_socket_of_another_user_when_it_is_silent(setting: Setting) -> None:
    bobs = Holder()
    bobs.answers_pings = False
    await setting.open(BOBS_TOKEN, bobs)
    for _ in range(MAX_SOCKETS):
        await setting.open()

    code = await setting.refusal_of(TOKEN)

    assert (AuthenticationCode.TOO_MANY_SOCKETS, False) == (code, bobs.transport_closed)


async def test_silent_sockets_place_is_freed_once_when_it_disconnects_afterwards(
    setting: Setting,
) -> None:
    """The gateway closes the session again, which must not release the quota a second time."""
    silent = Holder()
    silent.answers_pings = False
    sessions = [await setting.open(holder=silent), await setting.open()]
    await setting.open()

    setting.sessions.close(sessions[0])

    assert AuthenticationCode.TOO_MANY_SOCKETS == await setting.refusal_of(TOKEN)


async def test_close_frees_one_slot_when_called_twice(setting: Setting) -> None:
    """Closing a session again must not release the quota of another socket."""
    first, _second = await setting.open(), await setting.open()
    setting.sessions.close(first)
    setting.sessions.close(first)

    await setting.open()

    assert AuthenticationCode.TOO_MANY_SOCKETS == await setting.refusal_of(TOKEN)


async def test_session_hears_nothing_when_closed(setting: Setting) -> None:
    """A closed session receives no warning, expiry or revocation."""
    holder = Holder()
    session = await setting.open(holder=holder)

    setting.sessions.close(session)
    await setting.blacklist.blacklist_token(TOKEN, 600)
    setting.clock.advance(LIFETIME + SKEW + GRACE)

    assert [] == holder.farewells


async def test_nothing_is_kept_when_every_session_is_closed(setting: Setting) -> None:
    sessions = [await setting.open(), await setting.open(NEXT_TOKEN)]

    for session in sessions:
        setting.sessions.close(session)

    index = setting.sessions._open
    assert (set(), {}, 0) == (index._sessions, index._by_subject, len(setting.sessions._deadlines))
    assert [None, None] == [session.holder for session in sessions]
