"""How long a revocation has to be remembered."""

from math import ceil

from app.domain.principal import CLOCK_SKEW_SECONDS

LEAST_SECONDS = 86_400
"""For a token that seems to end sooner: the clock here may be the one that is wrong."""
MOST_SECONDS = 100 * 365 * 86_400
"""What lives longer is no token of Clerk's, and no table can hold its end."""


def revocation_seconds(expires_at: float, now: float) -> int:
    """As long as a token may be accepted, by servers whose clocks are behind, too.

    A day at least and a century at most.

    Args:
        expires_at: Its ``exp``, in seconds since the epoch.
        now: The wall clock, likewise.
    """
    life_seconds = ceil(expires_at - now) + CLOCK_SKEW_SECONDS
    return min(max(LEAST_SECONDS, life_seconds), MOST_SECONDS)
