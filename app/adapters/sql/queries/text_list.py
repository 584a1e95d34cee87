"""Conditions on one of many texts, which are one parameter, however many they are.

``a IN (?, ...)`` would be the plain way, but drivers have a limit, and every length is another
statement to prepare.
"""

import json
from collections.abc import Collection
from typing import Any, Self

from sqlalchemy import Boolean, ColumnElement, Dialect, Text, TypeDecorator, bindparam
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.sql.operators import OperatorType
from sqlalchemy.types import TypeEngine


def is_one_of(tested: ColumnElement[str], parameter: str) -> ColumnElement[bool]:
    """Whether a column is one of the texts in the collection that ``parameter`` brings."""
    return _IsOneOf(tested, bindparam(parameter, type_=_Texts))


class _Texts(TypeDecorator[Collection[str]]):
    """JSON; on PostgreSQL an array, whose length its planner knows."""

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
        # SQLAlchemy would write ``... = 1`` for SQLite, which then uses no index.
        del against
        return self


@compiles(_IsOneOf, "postgresql")
def _on_postgresql(condition: _IsOneOf, compiler: SQLCompiler, **options: Any) -> str:
    tested, texts = (compiler.process(each, **options) for each in condition.clauses)
    return f"{tested} = ANY ({texts})"


@compiles(_IsOneOf, "sqlite")
def _on_sqlite(condition: _IsOneOf, compiler: SQLCompiler, **options: Any) -> str:
    tested, texts = (compiler.process(each, **options) for each in condition.clauses)
    return f"{tested} IN (SELECT value FROM json_each({texts}))"  # noqa: S608 - SQLAlchemy's text
