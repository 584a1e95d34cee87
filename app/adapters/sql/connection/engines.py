"""What the engines of both databases have in common, and how `Database` sees them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Executable
from sqlalchemy.ext.asyncio import AsyncEngine

POOL_OPTIONS: Final[dict[str, Any]] = {
    # A parameter may be a message: it belongs in no exception text and no log.
    "hide_parameters": True,
    "max_overflow": 0,
    # Who leaves a transaction ends it.
    "pool_reset_on_return": None,
}
"""For ``create_async_engine``."""


@dataclass(frozen=True, slots=True)
class Engines:
    """Three faces of one pool, which has a connection for everybody who is let in.

    Attributes:
        writing: Its transactions may write.
        reading: Its transactions see one state of the database.
        asking: Every statement stands for itself, and needs neither beginning nor end.
        writers: How many may write at once.
        readers: How many may read or ask at once, besides.
        writing_checks: Statements that show, in a transaction of ``writing`` and without waiting
            for a lock, that messages could be stored. They change nothing.
        reading_checks: Likewise, in one of ``reading``, that they could be read.
    """

    writing: AsyncEngine
    reading: AsyncEngine
    asking: AsyncEngine
    writers: int
    readers: int
    writing_checks: Sequence[Executable]
    reading_checks: Sequence[Executable]
