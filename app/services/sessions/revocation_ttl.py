"""Calculates how long a revocation is stored."""

from math import ceil

from app.domain.principal import CLOCK_SKEW_SECONDS

LEAST_SECONDS = 86_400
"""The minimum time for which a revocation is stored.

If this machine's clock is fast, a token is valid for longer than calculated.
"""
MOST_SECONDS = 100 * 365 * 86_400
"""The maximum time for which a revocation is stored.

No Clerk token lives longer, and a much later time would overflow `datetime`.
"""


def revocation_seconds(expires_at: float, now: float) -> int:
    """Return how many seconds to keep the revocation of a token that expires at ``expires_at``.

    The clock skew is included: servers whose clocks are slow accept the token after its expiry. The
    result is at least one day and at most a century. Both arguments are seconds since 1970.
    """
    life_seconds = ceil(expires_at - now) + CLOCK_SKEW_SECONDS
    return min(max(LEAST_SECONDS, life_seconds), MOST_SECONDS)
