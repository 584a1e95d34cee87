"""`ThrottlerStorage`: counts calls in the memory of this process."""

from bisect import bisect_right
from collections import OrderedDict
from dataclasses import dataclass, field

from app.framework.background.clock import Clock
from app.framework.throttler.options import ThrottlerOptions


@dataclass(slots=True)
class _Record:
    """The counted calls of one key.

    Attributes:
        ends: The times at which the calls no longer count, oldest first. Most keys have few calls,
            and a deque would take about 700 bytes more per key than a list.
        blocked_until: The end of the last block; 0 if there was none.
    """

    ends: list[float] = field(default_factory=list)
    blocked_until: float = 0.0


class ThrottlerStorage:
    """Counts calls as Nest's in-memory storage does.

    Each call counts for ``ttl``. The first call beyond ``limit`` starts a block, during which calls
    are refused and do not count. After the block, the count of the key starts at zero.

    Args:
        max_calls: The maximum number of calls and keys that are remembered. Above this number,
            the least recently used keys are dropped: bounded memory takes precedence over exact
            limits.
    """

    def __init__(self, clock: Clock, max_calls: int = 200_000) -> None:
        self._clock = clock
        self._max_calls = max_calls
        self._records: OrderedDict[str, _Record] = OrderedDict()
        self._calls = 0

    def take(self, options: ThrottlerOptions, scope: str, tracker: str, cost: int = 1) -> float:
        """Count ``cost`` calls and return 0.0; or refuse them and return the seconds to wait.

        Args:
            scope: The start of the key, which names the handler and the throttler.
            tracker: The rest of the key, which identifies the caller.
        """
        key = scope + tracker
        now = self._clock.monotonic()
        record = self._records.get(key)
        if record is None:
            record = self._records[key] = _Record()
            self._grow(1)  # a record without calls needs memory, too
        self._records.move_to_end(key)
        if record.blocked_until > now:
            return record.blocked_until - now
        self._forget_calls(record, now)
        if len(record.ends) + cost > options.limit:
            return self._refuse(record, options, now, cost)
        record.ends.extend([now + options.ttl / 1000] * cost)
        self._grow(cost)
        return 0.0

    def _refuse(self, record: _Record, options: ThrottlerOptions, now: float, cost: int) -> float:
        block = options.ttl if options.block_duration is None else options.block_duration
        if block > 0:
            self._forget_all(record)
            record.blocked_until = now + block / 1000
            return block / 1000
        too_many = len(record.ends) + cost - options.limit
        if too_many > len(record.ends):  # the cost alone exceeds the limit
            return options.ttl / 1000
        return record.ends[too_many - 1] - now

    def _forget_calls(self, record: _Record, now: float) -> None:
        ended = bisect_right(record.ends, now)
        del record.ends[:ended]
        self._calls -= ended

    def _forget_all(self, record: _Record) -> None:
        self._calls -= len(record.ends)
        record.ends.clear()

    def _grow(self, calls: int) -> None:
        self._calls += calls
        while self._calls > self._max_calls and len(self._records) > 1:
            _, record = self._records.popitem(last=False)
            self._calls -= len(record.ends) + 1
