"""Limits connection attempts and failures per address over all nodes."""

from math import ceil

from app.adapters.redis.connection import RedisConnection
from app.concurrency.bounded_dict import BoundedDict
from app.domain.errors import AuthenticationCode, Unavailable
from app.ports import COUNTED_SECONDS, AttemptLimiter

MAX_ADDRESSES = 10_000
"""The maximum number of addresses whose returned attempts are not yet written to Redis."""

_MS_PER_MINUTE = 60_000
_MS_PER_SECOND = 1_000


class RedisAttemptLimiter(AttemptLimiter):
    """Keeps two token buckets per address, each as one key in Redis.

    The TTL of a key is the time until its bucket is full. So the clocks of the nodes do not matter,
    and full buckets use no memory. A bucket holds the tokens of one minute. The time per token is
    rounded up to whole milliseconds. So a bucket with about 600 tokens a minute refills up to 1 %
    too slowly, and the maximum is 60,000 tokens a minute.

    A hash per address counts failures by reason for an hour after the first failure.

    Args:
        fallback: The limiter that this node uses while Redis does not answer.
    """

    def __init__(
        self,
        connection: RedisConnection,
        attempts_per_minute: float,
        failures_per_minute: float,
        fallback: AttemptLimiter,
    ) -> None:
        self._connection = connection
        self._keys = connection.keys
        self._attempts = _bucket(attempts_per_minute)
        self._failures = _bucket(failures_per_minute)
        self._fallback = fallback
        self._given_back: BoundedDict[str, int] = BoundedDict(MAX_ADDRESSES)
        """The number of returned attempts that are not yet written to Redis, by address.

        A dropped entry has little effect: the bucket of its address is full again a little later.
        """

    async def attempt(self, address: str) -> float:
        """Take a token from the bucket of attempts if both buckets have one."""
        buckets = [self._keys.attempts(address), self._keys.failures(address)]
        token_ms, _ = self._attempts
        given_back_ms = self._given_back.pop(address, 0) * token_ms
        try:
            wait_ms = await self._connection.run_script(
                "attempt", buckets, *self._attempts, *self._failures, given_back_ms
            )
        except Unavailable:
            return await self._fallback.attempt(address)
        return wait_ms / _MS_PER_SECOND

    def succeeded(self, address: str) -> None:
        """Return one token to the bucket of attempts.

        The change is written to Redis by the next `attempt` of the address.
        """
        self._given_back[address] = self._given_back.get(address, 0) + 1
        self._fallback.succeeded(address)

    async def failed(self, address: str, reason: AuthenticationCode) -> int:
        """Take one token from the bucket of failures, and count the failure by its reason."""
        bucket_and_counts = [
            self._keys.failures(address),
            self._keys.failure_counts(address),
        ]
        try:
            return await self._connection.run_script(
                "failed", bucket_and_counts, *self._failures, reason.value, COUNTED_SECONDS
            )
        except Unavailable:
            return await self._fallback.failed(address, reason)


def _bucket(per_minute: float) -> tuple[int, int]:
    token_ms = ceil(_MS_PER_MINUTE / per_minute)
    return token_ms, token_ms * max(1, int(per_minute))
