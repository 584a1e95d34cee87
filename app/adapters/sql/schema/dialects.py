"""Column types and expressions whose SQL differs between PostgreSQL and SQLite.

PostgreSQL uses the column types of the original backend's tables, and SQLite the closest types that
it has. Reading accepts any value that a column may contain, so that one unusual row, written by the
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
"""The type of a counter that the database increments. SQLite increments only INTEGER."""

Upsert: TypeAlias = sqlite.Insert | postgresql.Insert
"""An INSERT with ``on_conflict_do_nothing`` and ``on_conflict_do_update``."""

UPSERTS: Final[Mapping[str, Callable[[Table], Upsert]]] = {
    "sqlite": sqlite.insert,
    "postgresql": postgresql.insert,
}
"""The INSERT of each dialect, for building a statement once: building may take longer than running.
"""


def upsert(connection: AsyncConnection, table: Table) -> Upsert:
    """Begin an INSERT with ON CONFLICT in the dialect of a connection."""
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
    """Write a time, which must be aware UTC, as `UtcTimestamp` does on SQLite."""
    return time.replace(tzinfo=None).isoformat(" ", "microseconds")


def from_sqlite_time(text: str) -> datetime:
    """Read a time that `sqlite_time` has written."""
    return from_naive(_read_text(text))


def from_naive(time: datetime) -> datetime:
    """Convert a time of PostgreSQL's driver, naive UTC, to aware UTC."""
    return time.replace(tzinfo=UTC)


class UtcTimestamp(TypeDecorator[datetime]):
    """Prisma's ``TIMESTAMP(3)``: without a time zone in the table, aware UTC in Python.

    A time outside the range from `EARLIEST` to `LATEST` is read as the nearer bound. NULL, and in
    SQLite any text that is not a time, are read as `EARLIEST`.
    """

    impl = (
        DateTime()
        .with_variant(postgresql.TIMESTAMP(precision=3), "postgresql")
        .with_variant(_SqliteTimestamp(), "sqlite")  # type: ignore[no-untyped-call] # SQLAlchemy's
    )
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Callable[[datetime | None], Any]:
        """Write a time, which must be aware UTC: other zones are not converted."""
        # Convert here: SQLAlchemy's type for SQLite drops the zone, and asyncpg requires naive
        # times.
        return self.impl_instance.bind_processor(dialect) or methodcaller("replace", tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime:
        """Convert naive UTC to an aware time."""
        del dialect
        return EARLIEST if value is None else value.replace(tzinfo=UTC)

    def column_expression(self, column: ColumnElement[datetime]) -> ColumnElement[datetime]:
        """Return the expression that a query selects instead of the column."""
        return type_coerce(_Bounded(column), self)


class _Bounded(FunctionElement[datetime]):
    inherit_cache = True


@compiles(_Bounded, "postgresql")
def _bounded_on_postgresql(bounded: _Bounded, compiler: SQLCompiler, **options: Any) -> str:
    # Limit the time in the query: asyncpg fails for the whole result if Python cannot express a
    # time. LEAST and GREATEST ignore NULL.
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


# A list is passed as a single parameter. With ``IN (?, ?, ...)``, each length would be another
# statement to prepare, and drivers limit the number of parameters. For ``(a, b) IN ((?, ?), ...)``,
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
    """A list of texts: JSON on SQLite, an array on PostgreSQL, whose planner uses its length."""

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
        # Without this, SQLAlchemy would append ``= 1`` on SQLite, which would then not use an
        # index.
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
