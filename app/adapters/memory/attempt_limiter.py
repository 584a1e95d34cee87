"""Limits attempts and failures per address on this node."""

from collections import Counter
from dataclasses import dataclass, field

from app.adapters.memory.token_buckets import TokenBuckets
from app.concurrency.bounded_dict import BoundedDict
from app.domain.errors import AuthenticationCode
from app.ports import COUNTED_SECONDS, AttemptLimiter, Clock

MAX_ADDRESSES = 10_000
"""Most addresses whose failures are counted by reason. `TokenBuckets` has its own limit."""


class MemoryAttemptLimiter(AttemptLimiter):
    """Keeps two buckets per address, and counts its failures for an hour after the first one.

    With more than `MAX_ADDRESSES` addresses, the counts that began first are forgotten.
    """

    def __init__(self, attempts: TokenBuckets, failures: TokenBuckets, clock: Clock) -> None:
        self._attempts = attempts
        self._failures = failures
        self._clock = clock
        self._hours: BoundedDict[str, _Hour] = BoundedDict(MAX_ADDRESSES)

    async def attempt(self, address: str) -> float:
        """Take one attempt if both buckets have a token."""
        wait_seconds = self._failures.peek(address)
        if wait_seconds > 0:
            return max(wait_seconds, self._attempts.peek(address))
        return self._attempts.take(address)

    def succeeded(self, address: str) -> None:
        """Give one attempt back."""
        self._attempts.give_back(address)

    async def failed(self, address: str, reason: AuthenticationCode) -> int:
        """Take one failure and count its reason."""
        self._failures.take(address)
        counts = self._hour_of(address).counts
        counts[reason] += 1
        return counts[reason]

    def _hour_of(self, address: str) -> "_Hour":
        now = self._clock.monotonic()
        hour = self._hours.get(address)
        if hour is None or hour.ends_at <= now:
            hour = self._hours[address] = _Hour(now + COUNTED_SECONDS)
        return hour


@dataclass(slots=True)
class _Hour:
    ends_at: float
    counts: Counter[AuthenticationCode] = field(default_factory=Counter)
