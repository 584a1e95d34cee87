"""What was revoked a moment ago: closes the gap between checking a token and using it."""

from dataclasses import replace

from app.domain.credential import Credential
from app.domain.revocation import Revocation, RevocationKind, subjects_of
from app.ports import Clock

REMEMBERED_SECONDS = 60.0
"""Longer than from the question to the beginning of the session."""

MAX_REMEMBERED = 10_000


class RecentRevocations:
    """The revocations of the last minute, the newest `MAX_REMEMBERED` of them.

    Not the blacklist: a connect asks that first. This remembers what came after the question. It
    keeps no token.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._recent: dict[tuple[RevocationKind, str], tuple[Revocation, float]] = {}

    def remember(self, revocation: Revocation) -> None:
        """Hold it for `REMEMBERED_SECONDS` from now; the oldest gives way when full."""
        mark = (revocation.kind, revocation.subject)
        standing, _ = self._recent.pop(mark, (revocation, 0.0))
        latest = max(standing, revocation, key=lambda each: each.issued_until)
        now = self._clock.monotonic()
        while self._has_one_to_forget(now):
            del self._recent[next(iter(self._recent))]
        self._recent[mark] = (replace(latest, token=None), now + REMEMBERED_SECONDS)

    def cover(self, credential: Credential) -> bool:
        """Whether one of them covers the credential."""
        now = self._clock.monotonic()
        found = filter(None, map(self._recent.get, subjects_of(credential)))
        return any(
            now < forgotten_at and revocation.covers(credential)
            for revocation, forgotten_at in found
        )

    def _has_one_to_forget(self, now: float) -> bool:
        if not self._recent:
            return False
        _, oldest_forgotten_at = next(iter(self._recent.values()))
        return oldest_forgotten_at <= now or len(self._recent) >= MAX_REMEMBERED
