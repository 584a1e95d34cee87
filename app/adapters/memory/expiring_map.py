"""What is kept until its end: revocations and webhook messages in memory."""

from typing import Generic, TypeVar

from app.ports import Clock

K = TypeVar("K")
V = TypeVar("V")

FIRST_SWEEP = 1_024


class ExpiringMap(Generic[K, V]):
    """Values with an end each, by the monotonic clock.

    What has ended is swept out whenever the map has doubled, so that an addition stays cheap and
    memory holds at most about twice what is in force. Nothing in force is ever dropped.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._entries: dict[K, tuple[V, float]] = {}
        self._sweep_at = FIRST_SWEEP

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: K) -> V | None:
        """The value, None where there is none or its end has come."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        value, ends_at = entry
        return value if ends_at > self._clock.monotonic() else None

    def put(self, key: K, value: V, ttl_seconds: float) -> None:
        """Set the value and keep it for at least ``ttl_seconds``: a later end stays."""
        now = self._clock.monotonic()
        entry = self._entries.get(key)
        standing_end = now if entry is None else entry[1]
        self._entries[key] = (value, max(now + ttl_seconds, standing_end))
        if len(self._entries) >= self._sweep_at:
            self._sweep(now)

    def _sweep(self, now: float) -> None:
        self._entries = {key: entry for key, entry in self._entries.items() if entry[1] > now}
        self._sweep_at = max(FIRST_SWEEP, 2 * len(self._entries))
