"""What was revoked a moment ago: closes the gap between checking a token and using it."""

from app.ports import Clock

REMEMBERED_SECONDS = 60.0
"""Longer than any connect may take."""

MAX_REMEMBERED = 10_000


class RecentRevocations:
    """Digests of the tokens revoked in the last minute, the newest `MAX_REMEMBERED` of them.

    Not the blacklist: a connect asks that first. This remembers what came after the question.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._forgotten_at: dict[str, float] = {}

    def remember(self, digest: str) -> None:
        """Hold the digest for `REMEMBERED_SECONDS` from now; the oldest gives way when full."""
        self._forgotten_at.pop(digest, None)
        if len(self._forgotten_at) >= MAX_REMEMBERED:
            del self._forgotten_at[next(iter(self._forgotten_at))]
        self._forgotten_at[digest] = self._clock.monotonic() + REMEMBERED_SECONDS

    def __contains__(self, digest: str) -> bool:
        return self._clock.monotonic() < self._forgotten_at.get(digest, 0.0)
