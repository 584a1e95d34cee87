"""A dict whose entries expire, for revocations and webhook messages in memory."""

from typing import Generic, TypeVar

from app.ports import Clock

K = TypeVar("K")
V = TypeVar("V")

FIRST_SWEEP = 1_024
"""The minimum size at which expired entries are removed."""


class ExpiringMap(Generic[K, V]):
    """A dict whose entries expire by the monotonic clock.

    A sweep removes all expired entries. The next sweep begins when the size is twice the number of
    entries that were left by the last sweep, but at least `FIRST_SWEEP`. So adding is cheap on
    average. An entry is never removed before it expires.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._entries: dict[K, tuple[V, float]] = {}
        self._sweep_at = FIRST_SWEEP

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: K) -> V | None:
        """Return the value, or None if the key is missing or expired."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        value, expires_at = entry
        return value if expires_at > self._clock.monotonic() else None

    def put(self, key: K, value: V, ttl_seconds: float) -> None:
        """Set the value. It expires after ``ttl_seconds``, but not before its current expiry."""
        now = self._clock.monotonic()
        entry = self._entries.get(key)
        current_expiry = now if entry is None else entry[1]
        self._entries[key] = (value, max(now + ttl_seconds, current_expiry))
        if len(self._entries) >= self._sweep_at:
            self._sweep(now)

    def _sweep(self, now: float) -> None:
        self._entries = {key: entry for key, entry in self._entries.items() if entry[1] > now}
        self._sweep_at = max(FIRST_SWEEP, 2 * len(self._entries))
