"""INSERT with ON CONFLICT, which SQLAlchemy has for each database apart."""

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

Upsert: TypeAlias = sqlite.Insert | postgresql.Insert
"""An INSERT that takes ``on_conflict_do_nothing`` and ``on_conflict_do_update``."""

UPSERTS: Final[Mapping[str, Callable[[Table], Upsert]]] = {
    "sqlite": sqlite.insert,
    "postgresql": postgresql.insert,
}
"""By the name of the dialect, to build a statement once: that may cost more than to run it."""


def upsert(connection: AsyncConnection, table: Table) -> Upsert:
    """One that is built where it is run."""
    return UPSERTS[connection.dialect.name](table)
