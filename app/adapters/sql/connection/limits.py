"""How long the database may keep anybody waiting, and with how many connections."""

from dataclasses import dataclass

from app.domain.time_limits import OPERATION_SECONDS


@dataclass(frozen=True, slots=True)
class DatabaseLimits:
    """Bounds of every operation. The settings have all but the last, and stay within it.

    Attributes:
        pool_size: Connections to a server, at least two: half of them write. SQLite has its own.
        pool_timeout_seconds: Until an operation gets one of them.
        statement_timeout_seconds: Until a server gives up a statement.
        lock_timeout_seconds: Until a statement gets a lock that somebody else has.
        answer_seconds: Until an operation is answered in any case: its turn, its connection, its
            statements and its commit.
    """

    pool_size: int = 10
    pool_timeout_seconds: float = 1.0
    statement_timeout_seconds: float = 2.0
    lock_timeout_seconds: float = 1.5
    answer_seconds: float = OPERATION_SECONDS


DEFAULT_LIMITS = DatabaseLimits()
