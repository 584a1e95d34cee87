"""Lists that are one parameter, however long they are.

``a IN (?, ...)`` would be the plain way, and ``(a, b) IN ((?, ?), ...)`` for pairs. But every
length is another statement to prepare, drivers have a limit, and for pairs SQLite before 3.46 reads
the whole table.
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


def is_one_of(tested: ColumnElement[str], parameter: str) -> ColumnElement[bool]:
    """Whether a column is one of the texts that ``parameter`` brings as a `text_list`."""
    return tested.in_(select(_listed(parameter, "text").c.text))


def is_among(
    first: ColumnElement[str], second: ColumnElement[str], parameter: str
) -> ColumnElement[bool]:
    """Whether two columns are one of the pairs that ``parameter`` brings as a `pair_list`."""
    pairs = listed_pairs(parameter)
    return tuple_(first, second).in_(select(pairs.c.first, pairs.c.second))


def listed_pairs(parameter: str) -> Subquery:
    """The pairs of such a list, in columns ``first`` and ``second``."""
    return _listed(parameter, "first", "second")


def text_list(texts: Iterable[str]) -> str:
    """The texts as `is_one_of` takes them."""
    # Each a list of one: taking that apart is written alike for both databases.
    return json.dumps([[text] for text in texts], ensure_ascii=False)


def pair_list(pairs: Iterable[tuple[str, str]]) -> str:
    """The pairs as `is_among` and `listed_pairs` take them."""
    return json.dumps(list(pairs), ensure_ascii=False)


def _listed(parameter: str, *names: str) -> Subquery:
    elements = _JsonElements(bindparam(parameter, type_=Text)).table_valued(column("value", Text))
    get = elements.c.value.op("->>", return_type=Text())
    columns = (get(literal_column(str(index))).label(name) for index, name in enumerate(names))
    return select(*columns).subquery()


class _JsonElements(GenericFunction[str]):
    name = "json_each"
    inherit_cache = True


@compiles(_JsonElements, "postgresql")
def _on_postgresql(function: _JsonElements, compiler: SQLCompiler, **_options: object) -> str:
    return f"json_array_elements(CAST({compiler.process(function.clauses)} AS json))"
