"""Compares this project's own tables in a live database with those of the code.

Additional columns and indexes do not count as differences, because a later version or an
administrator may have added them.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Column, Connection, Dialect, Identity, Index, Inspector, Table, inspect, text
from sqlalchemy.schema import DefaultClause, ForeignKeyConstraint

from app.adapters.sql.schema.tables import metadata

_INVALID = text(
    """
    SELECT relname FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
    WHERE NOT indisvalid AND relnamespace = quote_ident(current_schema())::regnamespace
    """
)
_REWRITTEN = re.compile(r"::\w+|[()\s]")
"""Matches types, parentheses and spaces, which PostgreSQL adds to the condition of an index."""

_Operation: TypeAlias = tuple[Any, ...]
"""A change that Alembic proposes: its name, followed by the changed objects."""


def schema_operations(connection: Connection) -> Sequence[_Operation]:
    """Return the changes with which Alembic would make the tables equal to those of the code.

    Unknown tables are ignored. Blocks the thread.
    """
    tables = metadata.tables

    def is_read(name: str | None, kind: str, _parents: object) -> bool:
        return kind != "table" or name in tables

    context = MigrationContext.configure(
        connection,
        opts={
            "compare_type": True,
            "compare_server_default": True,
            "include_name": is_read,
        },
    )
    changes = compare_metadata(context, metadata)
    # Alembic groups the changes of a column in a list.
    return [each for group in changes for each in (group if isinstance(group, list) else [group])]


def table_differences(
    connection: Connection, names: Collection[str], operations: Iterable[_Operation]
) -> list[str]:
    """Describe the differences of these tables, except indexes. Blocks the thread."""
    own = [each for each in operations if _table_of(each) in names]
    sentences = [_sentence(each, connection.dialect) for each in own]
    inspector = inspect(connection)
    present = sorted(set(inspector.get_table_names()).intersection(names))
    tables = [metadata.tables[name] for name in present]
    sentences += [_key_sentence(inspector, table) for table in tables]
    sentences += [_counter_sentence(inspector, table) for table in tables]
    return sorted(sentence for sentence in sentences if sentence is not None)


def missing_indexes(connection: Connection, operations: Iterable[_Operation]) -> list[str]:
    """Describe missing, different and invalid indexes. Blocks the thread."""
    missing = {each[1].name for each in operations if each[0] == "add_index"}
    invalid = _invalid_indexes(connection)
    inspector = inspect(connection)
    sentences = []
    for name, table in metadata.tables.items():
        for index in table.indexes:
            if index.name in missing or not _has_condition(inspector, name, index):
                sentences.append(f"The index {index.name} of {name} is missing or different.")
            elif index.name in invalid:
                sentences.append(f"The index {index.name} of {name} is invalid; REINDEX it.")
    return sorted(sentences)


def _invalid_indexes(connection: Connection) -> Collection[str | None]:
    """Return the names of indexes that queries ignore because the creation of the index failed.

    SQLite has no such indexes.
    """
    if connection.dialect.name == "sqlite":
        return ()
    return set(connection.execute(_INVALID).scalars())


def _has_condition(inspector: Inspector, table: str, index: Index) -> bool:
    # Alembic does not compare the conditions of partial indexes.
    (found,) = (each for each in inspector.get_indexes(table) if each["name"] == index.name)
    dialect = inspector.dialect.name
    needed = _condition(index.dialect_kwargs, dialect)
    return needed == _condition(found.get("dialect_options", {}), dialect)


def _condition(options: Mapping[str, object], dialect: str) -> str:
    condition = options.get(f"{dialect}_where")
    return "" if condition is None else _REWRITTEN.sub("", str(condition))


def _table_of(operation: _Operation) -> str:
    match operation:
        case (_, Table() as table):
            return table.name
        case (_, item):  # an index or a constraint
            return str(item.table.name)
        case (_, _schema, name, *_):  # a change of a column
            return str(name)
    raise ValueError(operation)


def _sentence(operation: _Operation, dialect: Dialect) -> str | None:
    """Describe the difference behind a proposed change; None if the difference is harmless."""
    sentence = None
    match operation:
        case ("add_table", Table() as table):
            sentence = f"The table {table.name} is missing."
        case ("add_column", _, table, Column() as column):
            sentence = f"The column {table}.{column.name} is missing."
        case ("remove_column", _, table, Column() as column) if _must_be_filled(column):
            sentence = (
                f"The column {table}.{column.name} is unknown, must not be NULL, and has no "
                "default value."
            )
        case ("modify_type", _, table, column, _, found, needed):
            types = [each.compile(dialect) for each in (found, needed)]
            sentence = f"The column {table}.{column} is {types[0]}, but must be {types[1]}."
        case ("modify_nullable", _, table, column, _, found, _):
            state = "allows NULL, but must not" if found else "is NOT NULL, but must allow NULL"
            sentence = f"The column {table}.{column} {state}."
        # An identity column works as well as the sequence that the migrations create.
        case ("modify_default", _, table, column, _, found, needed) if not isinstance(
            found, Identity
        ):
            has, needs = (_default(each) for each in (found, needed))
            sentence = f"The column {table}.{column} has {has}, but must have {needs}."
        case ("add_fk", ForeignKeyConstraint() as key):
            sentence = (
                f"The foreign key of {key.table.name} ({', '.join(key.column_keys)}) to "
                f"{key.elements[0].target_fullname} is missing, or is not ON DELETE "
                f"{key.ondelete} ON UPDATE {key.onupdate}."
            )
        case ("add_constraint", constraint):
            columns = ", ".join(column.name for column in constraint.columns)
            sentence = f"The table {constraint.table.name} has no unique key ({columns})."
    return sentence


def _must_be_filled(column: Column[object]) -> bool:
    return not column.nullable and column.server_default is None and column.identity is None


def _default(clause: object) -> str:
    return f"the default {clause.arg}" if isinstance(clause, DefaultClause) else "no default"


def _key_sentence(inspector: Inspector, table: Table) -> str | None:
    # Alembic does not compare primary keys.
    found = inspector.get_pk_constraint(table.name)["constrained_columns"]
    needed = [column.name for column in table.primary_key.columns]
    if found == needed:
        return None
    return (
        f"The primary key of {table.name} is ({', '.join(found)}), "
        f"but must be ({', '.join(needed)})."
    )


def _counter_sentence(inspector: Inspector, table: Table) -> str | None:
    # Alembic does not compare the sequences of primary keys. SQLite needs no sequences.
    counted = table.autoincrement_column
    if counted is None or inspector.dialect.name == "sqlite":
        return None
    columns = {column["name"]: column for column in inspector.get_columns(table.name)}
    found = columns.get(counted.name)
    if found is None or found.get("identity") or "nextval(" in (found["default"] or ""):
        return None
    return (
        f"The column {table.name}.{counted.name} has no sequence: its default must be the "
        "nextval of one."
    )
