"""Time limits of database operations, and the number of connections."""

from dataclasses import dataclass

from app.domain.time_limits import OPERATION_SECONDS

OPENING_SECONDS = 20.0
"""The maximum time for opening the database without migrations."""

SLOW_SECONDS = 0.25
"""The circuit breaker opens if an operation runs for longer than this time, and then fails."""

PROBE_SECONDS = 0.5
"""The pause between two probes while the circuit breaker is open."""


@dataclass(frozen=True, slots=True)
class DatabaseLimits:
    """The time limits of each database operation, and the number of connections.

    All fields except ``answer_seconds`` are settings. Each timeout is below ``answer_seconds``.

    Attributes:
        pool_size: The number of connections to PostgreSQL, at least two; half of them are for
            writes. SQLite ignores this setting.
        answer_seconds: The maximum total time of an operation: waiting for its turn, connecting,
            statements and commit.
    """

    pool_size: int = 10
    pool_timeout_seconds: float = 1.0
    statement_timeout_seconds: float = 2.0
    lock_timeout_seconds: float = 1.5
    answer_seconds: float = OPERATION_SECONDS


DEFAULT_LIMITS = DatabaseLimits()
