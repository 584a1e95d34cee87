"""Limits events, connection attempts and sockets with counters in this node's memory."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from app.concurrency.bounded_dict import BoundedDict
from app.domain.errors import AuthenticationCode
from app.domain.ids import UserId
from app.ports import COUNTED_SECONDS, AttemptLimiter, Clock, SocketQuota, Throttle

MAX_KEYS = 100_000
"""The maximum number of buckets in `TokenBuckets`."""

MAX_ADDRESSES = 10_000
"""The maximum number of addresses for which `MemoryAttemptLimiter` counts failures."""

ROUNDING_SECONDS = 1e-9
"""A wait up to this long is a rounding error, and is treated as zero."""


class TokenBuckets(Throttle):
    """One bucket of ``burst`` tokens per key, refilled at ``rate_per_second``.

    A bucket is one number: the monotonic time at which it is full again (GCRA). Full buckets are
    deleted. If there are more than `MAX_KEYS` buckets, the least recently used ones are deleted
    too, and are full when they are used again. Bounded memory takes precedence over fairness.
    """

    def __init__(self, rate_per_second: float, burst: int, clock: Clock) -> None:
        self._seconds_per_token = 1 / rate_per_second
        self._seconds_to_fill = burst / rate_per_second
        self._clock = clock
        # `_recent` holds the buckets that were used in this generation, and `_older` the buckets
        # that were used in the previous generation. A generation lasts as long as an empty bucket
        # takes to fill up. So when a generation ends, all buckets in `_older` are full, and
        # `_older` is dropped. Two dicts were measured to be faster than a `BoundedDict`.
        self._recent: dict[str, float] = {}
        self._older: dict[str, float] = {}
        self._recent_until = clock.monotonic() + self._seconds_to_fill

    def take(self, key: str, cost: int = 1) -> float:
        now = self._clock.monotonic()
        if now >= self._recent_until or len(self._recent) >= MAX_KEYS // 2:
            self._begin_generation(now)
        full_at = self._full_at_without(key, cost, now)
        wait_seconds = full_at - now - self._seconds_to_fill
        if wait_seconds > ROUNDING_SECONDS:
            return wait_seconds
        self._recent[key] = full_at
        return 0.0

    def peek(self, key: str) -> float:
        """Return the seconds until the bucket has a token; 0.0 if it has one now."""
        now = self._clock.monotonic()
        wait_seconds = self._full_at_without(key, 1, now) - now - self._seconds_to_fill
        return wait_seconds if wait_seconds > ROUNDING_SECONDS else 0.0

    def give_back(self, key: str) -> None:
        """Return one token to the bucket. A full bucket stays full."""
        for generation in (self._recent, self._older):
            if key in generation:
                generation[key] -= self._seconds_per_token
                return

    def _full_at_without(self, key: str, tokens: int, now: float) -> float:
        full_at = self._recent.get(key)
        if full_at is None:
            full_at = self._older.get(key, now)
        if tokens == 1:
            return max(now, full_at) + self._seconds_per_token
        # Take at most ``burst`` tokens: otherwise an event that costs more than ``burst`` would
        # always be rejected.
        return max(now, full_at) + min(tokens * self._seconds_per_token, self._seconds_to_fill)

    def _begin_generation(self, now: float) -> None:
        self._older, self._recent = self._recent, {}
        self._recent_until = now + self._seconds_to_fill


class MemoryAttemptLimiter(AttemptLimiter):
    """Limits attempts and failures with token buckets, and counts failures per address and code.

    The counts of an address are kept for an hour after its first failure. If there are more than
    `MAX_ADDRESSES` addresses, the oldest counts are deleted.
    """

    def __init__(self, attempts: TokenBuckets, failures: TokenBuckets, clock: Clock) -> None:
        self._attempts = attempts
        self._failures = failures
        self._clock = clock
        self._hours: BoundedDict[str, _Hour] = BoundedDict(MAX_ADDRESSES)

    async def attempt(self, address: str) -> float:
        """Take one token from the bucket of attempts, unless one of the two buckets is empty."""
        wait_seconds = self._failures.peek(address)
        if wait_seconds > 0:
            return max(wait_seconds, self._attempts.peek(address))
        return self._attempts.take(address)

    def succeeded(self, address: str) -> None:
        """Return one token to the bucket of attempts."""
        self._attempts.give_back(address)

    async def failed(self, address: str, reason: AuthenticationCode) -> int:
        """Take one token from the bucket of failures, and count the failure by its code."""
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


class MemorySocketQuota(SocketQuota):
    """Counts the sockets of each user. Users without sockets use no memory.

    Attributes:
        counts: The number of sockets by user. Read-only for others.
    """

    def __init__(self, max_sockets: int) -> None:
        self._max_sockets = max_sockets
        self.counts: dict[UserId, int] = {}
        self._on_left: Callable[[UserId], None] = _ignore

    def when_left(self, on_left: Callable[[UserId], None]) -> None:
        """Set the only listener, which is called when a user's last socket was released.

        The listener must return quickly and must not raise.
        """
        self._on_left = on_left

    async def acquire(self, user_id: UserId) -> bool:
        count = self.counts.get(user_id, 0)
        if count >= self._max_sockets:
            return False
        self.counts[user_id] = count + 1
        return True

    def release(self, user_id: UserId) -> None:
        count = self.counts.pop(user_id) - 1
        if count:
            self.counts[user_id] = count
        else:
            self._on_left(user_id)


def _ignore(_: UserId) -> None:
    pass
