"""Column types and expressions whose SQL differs between PostgreSQL and SQLite.

PostgreSQL uses the column types of the original backend's tables; SQLite uses its closest types.
Reading accepts any value that a column may contain, so that one unusual row, written by the
original backend or an operator, does not make a whole channel unreadable.
"""

import json
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from functools import partial
from operator import methodcaller
from typing import Any, Final, Self, TypeAlias

from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    DateTime,
    Dialect,
    Integer,
    Subquery,
    Table,
    Text,
    TypeDecorator,
    bindparam,
    column,
    literal_column,
    select,
    tuple_,
    type_coerce,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement, GenericFunction
from sqlalchemy.sql.operators import OperatorType
from sqlalchemy.types import TypeEngine

EARLIEST = datetime(1, 1, 1, tzinfo=UTC)
LATEST = datetime(9999, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC)
"""The last time that Python and ISO 8601 can express, in milliseconds as in the tables."""

POSITION = BigInteger().with_variant(Integer(), "sqlite")
"""The type of auto-increment columns. In SQLite, only an INTEGER column can auto-increment."""

Upsert: TypeAlias = sqlite.Insert | postgresql.Insert
"""An INSERT with ``on_conflict_do_nothing`` and ``on_conflict_do_update``."""

UPSERTS: Final[Mapping[str, Callable[[Table], Upsert]]] = {
    "sqlite": sqlite.insert,
    "postgresql": postgresql.insert,
}
"""The INSERT of each dialect. Build each statement once: building may take longer than running."""


def upsert(connection: AsyncConnection, table: Table) -> Upsert:
    """Return an INSERT that supports ON CONFLICT, for the dialect of a connection."""
    return UPSERTS[connection.dialect.name](table)


class _SqliteTimestamp(sqlite.DATETIME):
    def result_processor(
        self, dialect: Dialect, coltype: object
    ) -> Callable[[object], datetime] | None:
        del dialect, coltype
        return _read_text


def _read_text(value: object) -> datetime:
    try:
        return datetime.fromisoformat(value)  # type: ignore[arg-type] # raises TypeError otherwise
    except (TypeError, ValueError):
        return EARLIEST


def sqlite_time(time: datetime) -> str:
    """Format an aware UTC time as `UtcTimestamp` does on SQLite."""
    return time.replace(tzinfo=None).isoformat(" ", "microseconds")


def from_sqlite_time(text: str) -> datetime:
    """Parse a time in the format of `sqlite_time`."""
    return from_naive(_read_text(text))


def from_naive(time: datetime) -> datetime:
    """Convert a naive UTC time, as PostgreSQL's driver returns it, to aware UTC."""
    return time.replace(tzinfo=UTC)


class UtcTimestamp(TypeDecorator[datetime]):
    """Prisma's ``TIMESTAMP(3)``: stored as UTC without a time zone, and aware UTC in Python.

    On PostgreSQL, a time outside the range from `EARLIEST` to `LATEST` is read as the nearer bound.
    On SQLite, any text that Python cannot parse as a time is read as `EARLIEST`. NULL is read as
    `EARLIEST` on both.
    """

    impl = (
        DateTime()
        .with_variant(postgresql.TIMESTAMP(precision=3), "postgresql")
        .with_variant(_SqliteTimestamp(), "sqlite")  # type: ignore[no-untyped-call] # SQLAlchemy's
    )
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Callable[[datetime | None], Any]:
        """Return a function that converts an aware UTC time for the driver.

        The function does not convert times in other zones to UTC.
        """
        # SQLAlchemy's type for SQLite removes the zone. For asyncpg, which requires naive times,
        # the zone is removed here.
        return self.impl_instance.bind_processor(dialect) or methodcaller("replace", tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime:
        """Convert naive UTC to aware UTC, and NULL to `EARLIEST`."""
        del dialect
        return EARLIEST if value is None else value.replace(tzinfo=UTC)

    def column_expression(self, column: ColumnElement[datetime]) -> ColumnElement[datetime]:
        """Return the expression that a query selects instead of the column."""
        return type_coerce(_Bounded(column), self)


class _Bounded(FunctionElement[datetime]):
    inherit_cache = True


@compiles(_Bounded, "postgresql")
def _bounded_on_postgresql(bounded: _Bounded, compiler: SQLCompiler, **options: Any) -> str:
    # Clamp every time in the query: if a time is out of Python's range, asyncpg fails for the whole
    # result. LEAST and GREATEST ignore NULL, so NULL becomes the earliest time.
    column = compiler.process(bounded.clauses, **options)
    earliest, latest = (each.replace(tzinfo=None).isoformat(" ") for each in (EARLIEST, LATEST))
    return f"LEAST(GREATEST({column}, TIMESTAMP '{earliest}'), TIMESTAMP '{latest}')"


@compiles(_Bounded, "sqlite")
def _bounded_on_sqlite(bounded: _Bounded, compiler: SQLCompiler, **options: Any) -> str:
    return compiler.process(bounded.clauses, **options)


def enum_type(name: str, *values: str) -> TypeEngine[str]:
    """Return one of Prisma's enums, with its values in their stored order; text on SQLite."""
    return Text().with_variant(postgresql.ENUM(*values, name=name), "postgresql")


def as_text(column: ColumnElement[str]) -> ColumnElement[str]:
    """Read an enum's column as text, so that values added by the original backend are accepted."""
    return type_coerce(column, Text)


# A list is passed as a single parameter. With ``IN (?, ?, ...)``, each length would need another
# prepared statement, and drivers limit the number of parameters. For ``(a, b) IN ((?, ?), ...)``,
# SQLite before 3.46 reads the whole table.


def is_one_of(tested: ColumnElement[str], parameter: str) -> ColumnElement[bool]:
    """Build the condition that a column equals one of the texts passed as ``parameter``."""
    return _IsOneOf(tested, bindparam(parameter, type_=_Texts))


def is_among(
    first: ColumnElement[str], second: ColumnElement[str], parameter: str
) -> ColumnElement[bool]:
    """Build the condition that two columns equal one of the pairs passed as ``parameter``."""
    pairs = listed_pairs(parameter)
    return tuple_(first, second).in_(select(pairs.c.first, pairs.c.second))


def listed_pairs(parameter: str) -> Subquery:
    """Select the pairs in the list passed as ``parameter``, as columns ``first`` and ``second``."""
    elements = _JsonElements(bindparam(parameter, type_=_Pairs)).table_valued(column("value", Text))
    get = elements.c.value.op("->>", return_type=Text())
    first, second = (get(literal_column(index)) for index in ("0", "1"))
    return select(first.label("first"), second.label("second")).subquery()


class _Pairs(TypeDecorator[list[tuple[str, str]]]):
    """A list of pairs, as JSON."""

    impl = Text
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Callable[[list[tuple[str, str]] | None], Any]:
        del dialect
        return partial(json.dumps, ensure_ascii=False)


class _Texts(TypeDecorator[Collection[str]]):
    """A list of texts, passed as JSON to SQLite and as an array to PostgreSQL.

    For an array, but not for JSON, PostgreSQL's planner can estimate the number of elements.
    """

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return postgresql.ARRAY(Text) if dialect.name == "postgresql" else Text()

    def process_bind_param(
        self, value: Collection[str] | None, dialect: Dialect
    ) -> list[str] | str | None:
        texts = list(value or ())
        return texts if dialect.name == "postgresql" else json.dumps(texts, ensure_ascii=False)


class _IsOneOf(FunctionElement[bool]):
    type = Boolean()
    inherit_cache = True

    def self_group(self, against: OperatorType | None = None) -> Self:
        # Without this, SQLAlchemy would append ``= 1`` on SQLite, and the query would use no index.
        del against
        return self


@compiles(_IsOneOf, "postgresql")
def _is_one_of_on_postgresql(condition: _IsOneOf, compiler: SQLCompiler, **options: Any) -> str:
    tested, texts = (compiler.process(each, **options) for each in condition.clauses)
    return f"{tested} = ANY ({texts})"


@compiles(_IsOneOf, "sqlite")
def _is_one_of_on_sqlite(condition: _IsOneOf, compiler: SQLCompiler, **options: Any) -> str:
    tested, texts = (compiler.process(each, **options) for each in condition.clauses)
    return f"{tested} IN (SELECT value FROM json_each({texts}))"  # noqa: S608 - SQLAlchemy's text


class _JsonElements(GenericFunction[str]):
    name = "json_each"
    inherit_cache = True


@compiles(_JsonElements, "postgresql")
def _json_elements_on_postgresql(
    function: _JsonElements, compiler: SQLCompiler, **_options: object
) -> str:
    return f"json_array_elements(CAST({compiler.process(function.clauses)} AS json))"
