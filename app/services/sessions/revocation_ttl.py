"""The time for which a revocation is stored."""

from math import ceil

from app.domain.principal import CLOCK_SKEW_SECONDS

LEAST_SECONDS = 86_400
"""For a token that seems to expire sooner: the clock of this machine may be wrong."""
MOST_SECONDS = 100 * 365 * 86_400
"""No token of Clerk lives longer, and no table can hold a later time."""


def revocation_seconds(expires_at: float, now: float) -> int:
    """Return how long a token may be accepted, also by servers whose clocks are slow.

    The result is one day at least and a century at most.

    Args:
        expires_at: The token's ``exp``, in seconds since the epoch.
        now: The wall clock, in seconds since the epoch.
    """
    life_seconds = ceil(expires_at - now) + CLOCK_SKEW_SECONDS
    return min(max(LEAST_SECONDS, life_seconds), MOST_SECONDS)
