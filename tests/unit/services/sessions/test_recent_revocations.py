"""Tests `RecentRevocations` in app/services/sessions/session_index.py."""

import pytest

from app.domain.credential import Credential, Revocation
from app.domain.principal import Principal
from app.services.sessions.session_index import (
    MAX_REMEMBERED,
    REMEMBERED_SECONDS,
    RecentRevocations,
)
from tests.doubles.manual_clock import ManualClock
from tests.unit.services.people import ALICE, BOB

NOW = 1_000.0
ALICES = Credential.of("token", Principal(ALICE, "sess", None, expires_at=2_000, issued_at=NOW))
TOKEN = Revocation.of_token("token")


@pytest.fixture
def recent(clock: ManualClock) -> RecentRevocations:
    return RecentRevocations(clock)


@pytest.mark.parametrize(
    ("revocation", "expected"),
    [
        (TOKEN, True),
        (Revocation.of_token("other"), False),
        (Revocation.of_session("sess"), True),
        (Revocation.of_session("other"), False),
        (Revocation.of_user(ALICE, NOW), True),
        (Revocation.of_user(ALICE, NOW - 1), False),
        (Revocation.of_user(BOB, NOW), False),
    ],
)
def test_credential_is_covered_when_a_revocation_names_it(
    recent: RecentRevocations,
    revocation: Revocation,
    expected: bool,  # noqa: FBT001 - a parameter
) -> None:
    """A revocation covers one token, one sign-in, or all earlier tokens of a user."""
    recent.remember(revocation)

    assert expected == recent.cover(ALICES)


def test_revocation_is_remembered_until_its_time_when_made(
    recent: RecentRevocations, clock: ManualClock
) -> None:
    """A revocation that is kept for too long could reject a valid token."""
    recent.remember(TOKEN)

    clock.advance(REMEMBERED_SECONDS - 1)
    before = recent.cover(ALICES)
    clock.advance(1)
    after = recent.cover(ALICES)

    assert (True, False) == (before, after)


def test_revocation_is_remembered_anew_when_made_again(
    recent: RecentRevocations, clock: ManualClock
) -> None:
    """The second revocation restarts the time for which the revocation is kept."""
    recent.remember(TOKEN)
    clock.advance(REMEMBERED_SECONDS - 1)

    recent.remember(TOKEN)
    clock.advance(REMEMBERED_SECONDS - 1)

    assert recent.cover(ALICES)


def test_later_moment_stays_when_an_earlier_one_is_told_afterwards(
    recent: RecentRevocations,
) -> None:
    """Two nodes may revoke the same user, and the two revocations may arrive in any order."""
    recent.remember(Revocation.of_user(ALICE, NOW))
    recent.remember(Revocation.of_user(ALICE, NOW - 1))

    assert recent.cover(ALICES)


def test_nothing_is_kept_of_what_was_revoked_when_its_time_is_over(
    recent: RecentRevocations, clock: ManualClock
) -> None:
    recent.remember(TOKEN)
    first = [revocation.token for revocation, _ in recent._recent.values()]
    clock.advance(REMEMBERED_SECONDS)

    recent.remember(Revocation.of_session("sess"))

    assert ([None], 1) == (first, len(recent._recent))


def test_oldest_gives_way_when_full(recent: RecentRevocations) -> None:
    recent.remember(TOKEN)

    for number in range(MAX_REMEMBERED):
        recent.remember(Revocation.of_session(f"sess {number}"))

    assert not recent.cover(ALICES)
    assert MAX_REMEMBERED == len(recent._recent)


def test_revocation_stays_when_full_and_made_again(recent: RecentRevocations) -> None:
    """Repeating a revocation deletes no other revocation."""
    recent.remember(TOKEN)
    for number in range(MAX_REMEMBERED - 1):
        recent.remember(Revocation.of_session(f"sess {number}"))

    recent.remember(TOKEN)
    recent.remember(Revocation.of_session("new"))

    assert recent.cover(ALICES)
