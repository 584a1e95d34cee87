from datetime import UTC, datetime

import pytest

from app.services.sessions.revocation_ttl import revocation_seconds

NOW = datetime(2026, 1, 31, 9, 30, tzinfo=UTC).timestamp()
DAY = 86_400
CENTURY = 36_500 * DAY


@pytest.mark.parametrize(
    ("life_seconds", "expected"),
    [
        (-60, DAY),
        (60, DAY),
        (DAY - 5, DAY),
        (DAY, DAY + 5),
        (30 * DAY, 30 * DAY + 5),
        (7_900 * 365 * DAY, CENTURY),
    ],
)
def test_revocation_outlives_the_token_when_that_is_accepted_longest(
    life_seconds: int, expected: int
) -> None:
    """A revocation lasts until expiry plus skew, but at least a day and at most a century."""
    expires_at = NOW + life_seconds

    assert expected == revocation_seconds(expires_at, NOW)


def test_revocation_is_rounded_up_when_a_second_has_begun() -> None:
    expires_at = NOW + 2 * DAY

    assert 2 * DAY + 5 == revocation_seconds(expires_at, NOW + 1e-6)
