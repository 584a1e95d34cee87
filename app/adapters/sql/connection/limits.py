"""Time limits of database operations, and the number of connections."""

from dataclasses import dataclass

from app.domain.time_limits import OPERATION_SECONDS

OPENING_SECONDS = 20.0
"""How long opening the database takes at most, if it runs no migrations."""

SLOW_SECONDS = 0.25
"""A failure that took longer opens the circuit breaker, so that later operations do not wait."""

PROBE_SECONDS = 0.5
"""The pause between two probes of a database that does not answer."""


@dataclass(frozen=True, slots=True)
class DatabaseLimits:
    """Limits of every operation; all but the last are settings, which are smaller than the last.

    Attributes:
        pool_size: Connections to a server, at least two; half of them write. Ignored by SQLite.
        answer_seconds: How long an operation takes in all: turn, connection, statements, commit.
    """

    pool_size: int = 10
    pool_timeout_seconds: float = 1.0
    statement_timeout_seconds: float = 2.0
    lock_timeout_seconds: float = 1.5
    answer_seconds: float = OPERATION_SECONDS


DEFAULT_LIMITS = DatabaseLimits()
