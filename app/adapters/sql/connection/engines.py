"""The common parts of the engines for SQLite and PostgreSQL."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Executable
from sqlalchemy.ext.asyncio import AsyncEngine

POOL_OPTIONS: Final[dict[str, Any]] = {
    # Keeps messages, which are parameters, out of exception texts and logs.
    "hide_parameters": True,
    "max_overflow": 0,
    # Every block ends its own transaction.
    "pool_reset_on_return": None,
}
"""Options of ``create_async_engine``."""


@dataclass(frozen=True, slots=True)
class Engines:
    """Three engines that share a pool with a connection for every reader and writer.

    Attributes:
        writing: For transactions that may write.
        reading: For transactions that see the same state of the database until their end.
        asking: For single queries without a transaction.
        writers: How many transactions of ``writing`` may run at once.
        readers: How many transactions and queries of the other two may run at once.
        writing_checks: Statements for ``writing`` that fail if messages could not be stored now.
            They change nothing, and do not wait for locks.
        reading_checks: Such statements for ``reading`` that fail if messages could not be read.
    """

    writing: AsyncEngine
    reading: AsyncEngine
    asking: AsyncEngine
    writers: int
    readers: int
    writing_checks: Sequence[Executable]
    reading_checks: Sequence[Executable]
