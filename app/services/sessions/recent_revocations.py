"""What was revoked a moment ago: closes the gap between checking a token and using it."""

from dataclasses import replace

from app.concurrency.bounded_dict import BoundedDict
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
        self._recent: BoundedDict[tuple[RevocationKind, str], tuple[Revocation, float]] = (
            BoundedDict(MAX_REMEMBERED)
        )

    def remember(self, revocation: Revocation) -> None:
        """Keep a revocation for `REMEMBERED_SECONDS` from now."""
        mark = (revocation.kind, revocation.subject)
        known, _ = self._recent.get(mark, (revocation, 0.0))
        latest = max(known, revocation, key=lambda each: each.issued_until)
        now = self._clock.monotonic()
        self._recent[mark] = (replace(latest, token=None), now + REMEMBERED_SECONDS)
        while next(iter(self._recent.values()))[1] <= now:
            self._recent.popitem(last=False)

    def cover(self, credential: Credential) -> bool:
        """Whether one of them covers the credential."""
        now = self._clock.monotonic()
        found = filter(None, map(self._recent.get, subjects_of(credential)))
        return any(
            now < forgotten_at and revocation.covers(credential)
            for revocation, forgotten_at in found
        )
