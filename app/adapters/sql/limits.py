"""How long the database may keep anybody waiting, and with how many connections."""

from dataclasses import dataclass

ANSWER_SECONDS = 2.8
"""Until every operation is answered: its turn, its connection, its statements and its commit."""


@dataclass(frozen=True, slots=True)
class DatabaseLimits:
    """Bounds within `ANSWER_SECONDS`, which holds in any case; as the settings have them.

    Attributes:
        pool_size: Connections to a server, at least two: half of them write. SQLite has its own.
        pool_timeout_seconds: Until an operation gets one of them.
        statement_timeout_seconds: Until a server gives up a statement.
        lock_timeout_seconds: Until a statement gets a lock that somebody else has.
    """

    pool_size: int = 10
    pool_timeout_seconds: float = 1.0
    statement_timeout_seconds: float = 2.0
    lock_timeout_seconds: float = 1.5


DEFAULT_LIMITS = DatabaseLimits()
