"""Conditions on two columns at once: the pairs are one parameter, however many they are.

``(a, b) IN ((?, ?), ...)`` would be the plain way, but SQLite before 3.46 reads the whole table for
it, and every length is another statement to prepare.
"""

import json
from collections.abc import Iterable

from sqlalchemy import (
    ColumnElement,
    Subquery,
    Text,
    bindparam,
    column,
    literal_column,
    select,
    tuple_,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import GenericFunction


def is_among(
    first: ColumnElement[str], second: ColumnElement[str], parameter: str
) -> ColumnElement[bool]:
    """Whether two columns are one of the pairs that ``parameter`` brings as a `pair_list`."""
    pairs = listed_pairs(parameter)
    return tuple_(first, second).in_(select(pairs.c.first, pairs.c.second))


def listed_pairs(parameter: str) -> Subquery:
    """The pairs of such a list, in the columns ``first`` and ``second``."""
    elements = _JsonElements(bindparam(parameter, type_=Text)).table_valued(column("value", Text))
    get = elements.c.value.op("->>", return_type=Text())
    first, second = (get(literal_column(index)) for index in ("0", "1"))
    return select(first.label("first"), second.label("second")).subquery()


def pair_list(pairs: Iterable[tuple[str, str]]) -> str:
    """The pairs as `is_among` and `listed_pairs` take them."""
    return json.dumps(list(pairs), ensure_ascii=False)


class _JsonElements(GenericFunction[str]):
    name = "json_each"
    inherit_cache = True


@compiles(_JsonElements, "postgresql")
def _on_postgresql(function: _JsonElements, compiler: SQLCompiler, **_options: object) -> str:
    return f"json_array_elements(CAST({compiler.process(function.clauses)} AS json))"
