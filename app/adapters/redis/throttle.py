"""Limits the events of each user over all nodes."""

import asyncio
import logging
from collections.abc import Awaitable, Mapping
from contextvars import Context
from dataclasses import dataclass, field
from itertools import islice
from math import inf

from app.adapters.redis.connection import RedisConnection
from app.domain.errors import Unavailable
from app.ports import Clock, Throttle

LEASES_PER_BURST = 4
"""``burst`` divided by this is the number of tokens of a lease, and of a node's share."""
MIN_SHARES = 8
"""A share is at most the rate divided by this. A user's shares together are at most half the rate.

With larger shares, the shared bucket would refill too slowly for a user on a single node, who may
use up the full burst and must get it back at the full rate.
"""
LEASE_SECONDS = 0.25
"""The maximum time that an event waits for a lease."""
USERS_AT_ONCE = 256
"""The maximum number of users for whom one call leases tokens."""
MAX_KEYS = 100_000
"""The maximum number of users whose tokens this node remembers."""
ROUNDING = 1e-9
"""Amounts of seconds or tokens up to this value are rounding errors and count as zero."""

_MS_PER_SECOND = 1_000

_logger = logging.getLogger(__name__)


class RedisThrottle(Throttle):
    """Limits each user over all nodes, and calls Redis only for users above their node's share.

    An event needs tokens from two sources:

    - The local bucket of ``burst`` tokens, refilled at ``rate_per_second``. It limits this node.
    - The node's share, or else tokens that the node leases from the user's bucket in Redis, which
      all nodes share. A share is a bucket of ``burst / LEASES_PER_BURST`` tokens, and a lease has
      the same size. The bucket in Redis has ``burst`` tokens; it refills at the part of
      ``rate_per_second`` that the shares of the user's nodes leave. So all sources of a user refill
      at ``rate_per_second`` together.

    On n nodes, a user can take ``burst + rate_per_second * seconds + (n + 1) * lease`` tokens, and
    without further nodes exactly what the local bucket allows. This holds as long as Redis counts
    the user's nodes correctly (`RedisSocketQuota`) and answers within `LEASE_SECONDS`.

    Concurrent events of a user wait for the same lease, and one call leases tokens for all users
    who need them. A refusal by Redis is remembered until the bucket has the tokens, so refused
    events cause no calls. If Redis does not answer in time, only the local bucket limits the user.

    A bucket is dropped after it was not used for the time to fill it. If there are more than
    `MAX_KEYS` buckets, those that were not used recently are dropped too.

    Args:
        name: Distinguishes the buckets of several throttles in Redis.
        max_nodes: The maximum number of nodes to which a user can be connected.
    """

    def __init__(
        self,
        connection: RedisConnection,
        name: str,
        rate_per_second: float,
        burst: int,
        max_nodes: int,
        clock: Clock,
    ) -> None:
        self._connection = connection
        self._keys = connection.keys
        self._name = name
        self._clock = clock
        self._burst = burst
        self._lease_tokens = max(1, burst // LEASES_PER_BURST)
        share_per_second = rate_per_second / max(MIN_SHARES, 2 * max_nodes)
        self._limits = (self._lease_tokens, burst, rate_per_second, share_per_second, max_nodes)
        self._seconds_per_token = 1 / rate_per_second
        self._seconds_to_fill = burst / rate_per_second
        self._share_seconds_per_token = 1 / share_per_second
        self._share_seconds_to_fill = self._lease_tokens / share_per_second
        # Two generations of buckets, as in `TokenBuckets`.
        self._recent: dict[str, _Bucket] = {}
        self._older: dict[str, _Bucket] = {}
        self._recent_until = -inf
        self._leases: dict[str, _Lease] = {}
        """The leases for which events wait, by key, from the oldest to the newest."""
        self._task: asyncio.Task[None] | None = None
        self._is_redis_late = False

    def take(self, key: str, cost: int = 1) -> float | Awaitable[float]:
        now = self._clock.monotonic()
        if now >= self._recent_until or len(self._recent) >= MAX_KEYS // 2:
            self._begin_generation(now)
        bucket = self._recent.get(key) or self._bucket(key)
        # Calls of `min` and `max` would make the most frequent case a third slower.
        if cost != 1:
            cost = min(cost, self._burst)
        full_at = bucket.full_at if bucket.full_at > now else now  # noqa: FURB136
        full_at += cost * self._seconds_per_token
        wait_seconds = full_at - now - self._seconds_to_fill
        if wait_seconds > ROUNDING:
            return wait_seconds
        share_full_at = bucket.share_full_at if bucket.share_full_at > now else now  # noqa: FURB136
        share_full_at += cost * self._share_seconds_per_token
        if share_full_at - now - self._share_seconds_to_fill > ROUNDING:
            return self._take_beyond_share(key, bucket, cost, now)
        bucket.full_at = full_at
        bucket.share_full_at = share_full_at
        return 0.0

    async def on_application_shutdown(self, _signal: str | None) -> None:
        """Stop leasing. From now on, events do not wait."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        self._is_redis_late = True

    def _take_beyond_share(
        self, key: str, bucket: "_Bucket", cost: int, now: float
    ) -> float | Awaitable[float]:
        """Take the rest of the share and leased tokens; the local bucket has enough tokens."""
        until_full = max(0.0, bucket.share_full_at - now)
        in_share = (self._share_seconds_to_fill - until_full) / self._share_seconds_per_token
        missing = cost - in_share - bucket.leased
        if missing > ROUNDING:
            wait_seconds = bucket.empty_until + missing * self._seconds_per_token - now
            if wait_seconds > ROUNDING:
                return wait_seconds
            if not self._is_redis_late:
                return self._take_leased(key, cost, missing)
            self._grant(bucket, missing)
        from_share = min(cost, in_share)
        bucket.share_full_at = now + until_full + from_share * self._share_seconds_per_token
        bucket.leased = max(0.0, bucket.leased - (cost - from_share))
        bucket.full_at = max(now, bucket.full_at) + cost * self._seconds_per_token
        return 0.0

    async def _take_leased(self, key: str, cost: int, missing: float) -> float:
        lease = self._leases.get(key)
        if lease is None:
            lease = self._leases[key] = _Lease(missing, self._clock.monotonic() + LEASE_SECONDS)
            if self._task is None or self._task.done():
                self._task = asyncio.create_task(
                    self._lease_all(), name=f"{self._name}-leases", context=Context()
                )
        await lease.is_settled.wait()
        # Another event of the user may have taken the tokens meanwhile, so this may wait again.
        taken = self.take(key, cost)
        return taken if isinstance(taken, float) else await taken

    async def _lease_all(self) -> None:
        try:
            while self._leases:
                await self._lease_batch(dict(islice(self._leases.items(), USERS_AT_ONCE)))
        except Exception:
            _logger.exception("tokens could not be leased from Redis")
        finally:
            self._stop_waiting()
            self._is_redis_late = False

    async def _lease_batch(self, batch: Mapping[str, "_Lease"]) -> None:
        # The first lease is the oldest one, so no event waits longer than `LEASE_SECONDS`.
        deadline = next(iter(batch.values())).deadline
        seconds_left = max(0.0, deadline - self._clock.monotonic())
        timer = self._clock.call_later(seconds_left, self._stop_waiting)
        names = [
            name
            for key in batch
            for name in (
                self._keys.rate_limit(self._name, key),
                self._keys.sockets_of_user(key),
            )
        ]
        needed = [lease.needed for lease in batch.values()]
        try:
            waits_ms = await self._connection.run_batch_script(
                "lease", names, *self._limits, *needed
            )
        except Unavailable:
            self._stop_waiting()
        else:
            for (key, lease), wait_ms in zip(batch.items(), waits_ms, strict=True):
                self._settle(key, lease, wait_ms / _MS_PER_SECOND)
        finally:
            timer.cancel()
            self._is_redis_late = False

    def _settle(self, key: str, lease: "_Lease", wait_seconds: float) -> None:
        """Apply the reply of Redis, unless it is so late that the tokens were granted already."""
        if lease.is_settled.is_set():
            return
        del self._leases[key]
        bucket = self._bucket(key)
        if wait_seconds > 0:
            shared_tokens_at = self._clock.monotonic() + wait_seconds
            bucket.empty_until = shared_tokens_at - lease.needed * self._seconds_per_token
        else:
            self._grant(bucket, lease.needed)
        lease.is_settled.set()

    def _stop_waiting(self) -> None:
        """Grant all waiting leases. Until the call has ended, grant new ones without waiting."""
        self._is_redis_late = True
        for key, lease in self._leases.items():
            self._grant(self._bucket(key), lease.needed)
            lease.is_settled.set()
        self._leases.clear()

    def _grant(self, bucket: "_Bucket", needed: float) -> None:
        bucket.leased += max(self._lease_tokens, needed)
        bucket.empty_until = -inf

    def _bucket(self, key: str) -> "_Bucket":
        bucket = self._recent.get(key) or self._older.get(key) or _Bucket()
        self._recent[key] = bucket
        return bucket

    def _begin_generation(self, now: float) -> None:
        self._older, self._recent = self._recent, {}
        self._recent_until = now + max(self._seconds_to_fill, self._share_seconds_to_fill)


@dataclass(slots=True, eq=False)
class _Bucket:
    """The tokens of one user on this node.

    Attributes:
        full_at: The monotonic time at which the local bucket is full.
        share_full_at: The monotonic time at which the share is full.
        leased: The number of leased tokens that are left.
        empty_until: The monotonic time until which the bucket in Redis has no tokens.
    """

    full_at: float = -inf
    share_full_at: float = -inf
    leased: float = 0.0
    empty_until: float = -inf


@dataclass(slots=True, eq=False)
class _Lease:
    """A lease for which events wait.

    Attributes:
        needed: The number of tokens that the first event needs.
        deadline: The monotonic time until which the events wait.
        is_settled: Set when the tokens were granted or refused.
    """

    needed: float
    deadline: float
    is_settled: asyncio.Event = field(default_factory=asyncio.Event)
