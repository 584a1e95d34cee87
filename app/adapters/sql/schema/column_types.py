"""Column types whose PostgreSQL form is the reference's and whose SQLite form is the nearest.

They read whatever stands there: one row that the original backend, or an operator, wrote otherwise
must not keep a whole channel from being read.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    DateTime,
    Dialect,
    Integer,
    Text,
    TypeDecorator,
    type_coerce,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeEngine

EARLIEST = datetime(1, 1, 1, tzinfo=UTC)
LATEST = datetime(9999, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC)
"""Between these a time has four digits for its year, in ISO 8601 as in Python."""


class _SqliteTimestamp(sqlite.DATETIME):
    """Read even where the file holds something else: it does not look at what it is given."""

    def result_processor(
        self, dialect: Dialect, coltype: object
    ) -> Callable[[object], datetime] | None:
        del dialect, coltype
        return _read_text


def _read_text(value: object) -> datetime:
    try:
        return datetime.fromisoformat(value)  # type: ignore[arg-type] # is why it is tried
    except (TypeError, ValueError):
        return EARLIEST


class UtcTimestamp(TypeDecorator[datetime]):
    """Prisma's ``TIMESTAMP(3)``: no zone in the table, aware UTC in Python.

    A time before `EARLIEST` or after `LATEST` is read as that. What is no time, NULL or a text that
    SQLite was made to hold, is read as `EARLIEST`.
    """

    impl = (
        DateTime()
        .with_variant(postgresql.TIMESTAMP(precision=3), "postgresql")
        .with_variant(_SqliteTimestamp(), "sqlite")  # type: ignore[no-untyped-call] # SQLAlchemy's
    )
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Aware to naive; a naive one would be taken for the machine's zone."""
        del dialect
        return None if value is None else value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Naive to aware."""
        del dialect
        return None if value is None else value.replace(tzinfo=UTC)

    def column_expression(self, column: ColumnElement[datetime]) -> ColumnElement[datetime]:
        """What a query selects in the column's place."""
        return type_coerce(_Bounded(column), self)


class _Bounded(FunctionElement[datetime]):
    inherit_cache = True


@compiles(_Bounded, "postgresql")
def _on_postgresql(bounded: _Bounded, compiler: SQLCompiler, **options: Any) -> str:
    # The driver fails at the whole result for a time that Python does not know. Of NULL and a
    # time, LEAST and GREATEST take the time.
    column = compiler.process(bounded.clauses, **options)
    earliest, latest = (each.replace(tzinfo=None).isoformat(" ") for each in (EARLIEST, LATEST))
    return f"LEAST(GREATEST({column}, TIMESTAMP '{earliest}'), TIMESTAMP '{latest}')"


@compiles(_Bounded, "sqlite")
def _on_sqlite(bounded: _Bounded, compiler: SQLCompiler, **options: Any) -> str:
    return compiler.process(bounded.clauses, **options)


def enum_type(name: str, *values: str) -> TypeEngine[str]:
    """One of Prisma's enums, in its physical order; plain text on SQLite."""
    return Text().with_variant(postgresql.ENUM(*values, name=name), "postgresql")


def as_text(column: ColumnElement[str]) -> ColumnElement[str]:
    """An enum's column for a query to select: also a value that the other side has added."""
    return type_coerce(column, Text)


POSITION = BigInteger().with_variant(Integer(), "sqlite")
"""A counter that the database increments: SQLite does so for its INTEGER alone."""
