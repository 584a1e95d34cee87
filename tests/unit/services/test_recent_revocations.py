import pytest

from app.adapters.memory.manual_clock import ManualClock
from app.services.recent_revocations import (
    MAX_REMEMBERED,
    REMEMBERED_SECONDS,
    RecentRevocations,
)


@pytest.fixture
def recent(clock: ManualClock) -> RecentRevocations:
    """Nothing revoked yet."""
    return RecentRevocations(clock)


def test_digest_is_remembered_until_its_time_when_revoked(
    recent: RecentRevocations, clock: ManualClock
) -> None:
    """Longer would refuse a token whose revocation has ended."""
    recent.remember("digest")

    clock.advance(REMEMBERED_SECONDS - 1)
    before = "digest" in recent
    clock.advance(1)
    after = "digest" in recent

    assert (True, False) == (before, after)


def test_digest_is_remembered_anew_when_revoked_again(
    recent: RecentRevocations, clock: ManualClock
) -> None:
    """The second revocation counts from its own moment."""
    recent.remember("digest")
    clock.advance(REMEMBERED_SECONDS - 1)

    recent.remember("digest")
    clock.advance(REMEMBERED_SECONDS - 1)

    assert "digest" in recent


def test_oldest_gives_way_when_full(recent: RecentRevocations) -> None:
    """Memory is bounded, whoever revokes how much."""
    for number in range(MAX_REMEMBERED + 1):
        recent.remember(f"digest {number}")

    kept = [f"digest {number}" in recent for number in (0, 1, MAX_REMEMBERED)]

    assert [False, True, True] == kept
    assert MAX_REMEMBERED == len(recent._forgotten_at)


def test_digest_stays_when_full_and_revoked_again(recent: RecentRevocations) -> None:
    """Its place among the oldest is given up, and no other is pushed out for it."""
    for number in range(MAX_REMEMBERED):
        recent.remember(f"digest {number}")

    recent.remember("digest 0")
    recent.remember("new")
    kept = [f"digest {number}" in recent for number in (0, 1, 2)]

    assert [True, False, True] == kept
