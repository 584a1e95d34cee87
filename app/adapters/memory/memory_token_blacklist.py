"""Revoked tokens in memory."""

from bisect import bisect_right
from dataclasses import dataclass

from app.ports import Clock, RevocationLog, TokenBlacklist
from app.ports.token_blacklist import MAX_REVOCATIONS, token_digest

FIRST_SWEEP = 1_024


@dataclass(frozen=True, slots=True)
class _Revocation:
    position: int
    digest: str
    ends_at: float


class MemoryTokenBlacklist(TokenBlacklist):
    """Digests with their end by the monotonic clock, and the log of additions.

    What has ended is swept out whenever the log has doubled, so that an addition stays cheap and
    memory holds at most about twice what is in force. Nothing in force is ever dropped.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ends_at: dict[str, float] = {}
        self._log: list[_Revocation] = []
        self._last_position = 0
        self._sweep_at = FIRST_SWEEP

    async def add(self, token: str, ttl_seconds: int) -> None:
        """Remember the token, or extend it; either way the log has it again."""
        now = self._clock.monotonic()
        digest = token_digest(token)
        ends_at = max(now + ttl_seconds, self._ends_at.get(digest, now))
        self._last_position += 1
        self._ends_at[digest] = ends_at
        self._log.append(_Revocation(self._last_position, digest, ends_at))
        if len(self._log) >= self._sweep_at:
            self._sweep(now)

    async def contains(self, token: str) -> bool:
        """Whether the token is revoked now."""
        now = self._clock.monotonic()
        return self._ends_at.get(token_digest(token), now) > now

    async def revoked_after(self, position: int) -> RevocationLog:
        """What was added after ``position``."""
        start = bisect_right(self._log, position, key=_position_of)
        page = self._log[start : start + MAX_REVOCATIONS]
        return RevocationLog(
            digests=tuple(revocation.digest for revocation in page),
            position=page[-1].position if page else position,
        )

    def _sweep(self, now: float) -> None:
        self._ends_at = {digest: end for digest, end in self._ends_at.items() if end > now}
        self._log = [revocation for revocation in self._log if revocation.ends_at > now]
        self._sweep_at = max(FIRST_SWEEP, 2 * len(self._log))


def _position_of(revocation: _Revocation) -> int:
    return revocation.position
