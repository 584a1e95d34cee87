"""What our own tables in a live database have otherwise than the code's, in sentences.

What a table has besides is no difference: a later version's columns, an administrator's indexes.
"""

from collections.abc import Collection, Iterator
from typing import Any, TypeAlias

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Column, Connection, Dialect, Index, Inspector, Table, inspect
from sqlalchemy.schema import DefaultClause, ForeignKeyConstraint, SchemaItem

from app.adapters.sql.tables import metadata

_Operation: TypeAlias = tuple[Any, ...]
"""What Alembic would do: its name, and what it would do it to."""


def table_differences(connection: Connection, names: Collection[str]) -> list[str]:
    """Of these tables: what is missing or otherwise, but for indexes. Blocks on the database."""
    sentences = [_sentence(each, connection.dialect) for each in _operations(connection, names)]
    inspector = inspect(connection)
    present = sorted(set(inspector.get_table_names()).intersection(names))
    tables = [metadata.tables[name] for name in present]
    sentences += [_key_sentence(inspector, table) for table in tables]
    return sorted(sentence for sentence in sentences if sentence is not None)


def missing_indexes(connection: Connection, names: Collection[str]) -> list[str]:
    """Of these tables: the indexes that are not there as they have to be. Blocks likewise."""
    missing = {each[1].name for each in _operations(connection, names) if each[0] == "add_index"}
    inspector = inspect(connection)
    return sorted(
        f"The index {index.name} of {name} is missing, or is another one."
        for name in names
        for index in metadata.tables[name].indexes
        if index.name in missing or not _has_condition(inspector, name, index)
    )


def _has_condition(inspector: Inspector, table: str, index: Index) -> bool:
    """Whether an index that has to be partial is so: Alembic does not compare that."""
    option = f"{inspector.dialect.name}_where"
    if index.dialect_kwargs.get(option) is None:
        return True
    (found,) = (each for each in inspector.get_indexes(table) if each["name"] == index.name)
    return option in found.get("dialect_options", {})


def _operations(connection: Connection, names: Collection[str]) -> Iterator[_Operation]:
    def is_read(name: str | None, kind: str, _parents: object) -> bool:
        return kind != "table" or name in names

    def is_compared(item: SchemaItem, *_: object) -> bool:
        table = item if isinstance(item, Table) else getattr(item, "table", None)
        return table is None or table.name in names

    context = MigrationContext.configure(
        connection,
        opts={
            "compare_type": True,
            "compare_server_default": True,
            "include_name": is_read,
            "include_object": is_compared,
        },
    )
    for operation in compare_metadata(context, metadata):
        # What is to be changed in one column comes as a list.
        yield from operation if isinstance(operation, list) else [operation]


def _sentence(operation: _Operation, dialect: Dialect) -> str | None:
    """What Alembic would change, told as what is wrong; None when nothing is."""
    sentence = None
    match operation:
        case ("add_table", Table() as table):
            sentence = f"The table {table.name} is missing."
        case ("add_column", _, table, Column() as column):
            sentence = f"The column {table}.{column.name} is missing."
        case ("remove_column", _, table, Column() as column) if _must_be_filled(column):
            sentence = f"The column {table}.{column.name} is none of ours and has no default value."
        case ("modify_type", _, table, column, _, found, needed):
            types = [each.compile(dialect) for each in (found, needed)]
            sentence = f"The column {table}.{column} is {types[0]}, and has to be {types[1]}."
        case ("modify_nullable", _, table, column, _, found, _):
            may = "may be NULL, and must not" if found else "must not be NULL, and has to allow it"
            sentence = f"The column {table}.{column} {may}."
        case ("modify_default", _, table, column, _, found, needed):
            has, needs = (_default(each) for each in (found, needed))
            sentence = f"The column {table}.{column} has {has}, and has to have {needs}."
        case ("add_fk", ForeignKeyConstraint() as key):
            sentence = (
                f"The foreign key of {key.table.name} ({', '.join(key.column_keys)}) to "
                f"{key.elements[0].target_fullname} is missing, or does something else ON DELETE "
                f"or ON UPDATE than {key.ondelete} and {key.onupdate}."
            )
        case ("add_constraint", constraint):
            columns = ", ".join(column.name for column in constraint.columns)
            sentence = f"The values of {constraint.table.name} ({columns}) are not kept unique."
    return sentence


def _must_be_filled(column: Column[object]) -> bool:
    return not column.nullable and column.server_default is None and column.identity is None


def _default(clause: object) -> str:
    return f"the default {clause.arg}" if isinstance(clause, DefaultClause) else "no default"


def _key_sentence(inspector: Inspector, table: Table) -> str | None:
    """Primary keys, which Alembic does not compare."""
    found = inspector.get_pk_constraint(table.name)["constrained_columns"]
    needed = [column.name for column in table.primary_key.columns]
    if found == needed:
        return None
    return f"The primary key of {table.name} is ({', '.join(found)}), not ({', '.join(needed)})."
