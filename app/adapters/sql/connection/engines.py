"""The common parts of the SQLAlchemy engines for SQLite and PostgreSQL."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Executable
from sqlalchemy.ext.asyncio import AsyncEngine

POOL_OPTIONS: Final[dict[str, Any]] = {
    # Keep statement parameters, such as chat messages, out of exception texts and logs.
    "hide_parameters": True,
    "max_overflow": 0,
    # The pool need not roll back: every block ends its own transaction.
    "pool_reset_on_return": None,
}
"""Options of ``create_async_engine``."""


@dataclass(frozen=True, slots=True)
class Engines:
    """Three engines that share a connection pool with one connection for each reader and writer.

    Attributes:
        writing: The engine for transactions that may write.
        reading: The engine for transactions that see the same state of the database until their
            end.
        asking: The engine for single queries without a transaction.
        writers: The maximum number of concurrent transactions of ``writing``.
        readers: The maximum number of concurrent transactions and queries of ``reading`` and
            ``asking``.
        writing_checks: Statements for ``writing`` that fail if messages cannot be stored now. The
            statements change nothing, and do not wait for locks.
        reading_checks: Statements of the same kind for ``reading``, which fail if messages cannot
            be read.
    """

    writing: AsyncEngine
    reading: AsyncEngine
    asking: AsyncEngine
    writers: int
    readers: int
    writing_checks: Sequence[Executable]
    reading_checks: Sequence[Executable]
