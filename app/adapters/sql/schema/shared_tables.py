"""The tables that this server shares with the original backend, and checks of these tables.

The original backend's migrations define nullability, defaults and cascading deletes. So the checks
report only problems that keep this server from reading or writing.

``docs/adding-an-event.md`` explains how to use another table of the original backend.
"""

from collections.abc import Iterable, Iterator, Mapping

from sqlalchemy import CHAR, Column, Connection, DateTime, Enum, Inspector, String, inspect
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine.interfaces import ReflectedColumn
from sqlalchemy.types import NullType, TypeEngine

from app.adapters.sql.schema.dialects import UtcTimestamp
from app.adapters.sql.schema.tables import metadata

REQUIRED_TABLES = frozenset({"users", "channels", "channel_members", "messages", "read_receipts"})
"""The tables that revision 0001 creates. A database must have either all or none of them."""

USED_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "users": ("id", "name", "imageUrl", "updatedAt"),
    "channels": ("id", "name", "description", "type", "createdById", "createdAt", "updatedAt"),
    "channel_members": ("channelId", "userId", "role", "createdAt", "last_read_at", "joined_at"),
    "messages": (
        *("id", "content", "channelId", "userId"),
        *("createdAt", "updatedAt", "deliveryStatus", "replyToId"),
    ),
    "read_receipts": ("messageId", "userId", "readAt"),
}
"""The columns of each shared table that this server reads or writes."""

SHARED_TABLES = frozenset(USED_COLUMNS)
"""The tables that belong to the original backend. All other tables belong to this project."""

_NOT_INSERTED = frozenset({("messages", "replyToId")})
"""The columns of `USED_COLUMNS` that this server omits when it inserts a row."""

_CHARS = {
    ("messages", "id"): 36,
    ("messages", "content"): 4_000,  # the default of MESSAGE_MAX_CHARS
    ("read_receipts", "messageId"): 36,
}
"""The maximum lengths of texts that this server writes, in characters."""

_MILLISECONDS = 3


def shared_table_differences(connection: Connection, required: Iterable[str]) -> list[str]:
    """Describe problems with the shared tables that affect this server. Blocks on the database."""
    inspector = inspect(connection)
    present = SHARED_TABLES & set(inspector.get_table_names())
    found = [f"The table {table} is missing." for table in set(required) - present]
    for table in present:
        columns = {column["name"]: column for column in inspector.get_columns(table)}
        found += _column_differences(inspector, table, columns)
        found += _key_differences(inspector, table)
        if table != "users":  # This server inserts no users.
            given = [each for each in USED_COLUMNS[table] if (table, each) not in _NOT_INSERTED]
            found += (
                f"The column {table}.{name} must not be NULL and has no default value, "
                "and this server does not write it."
                for name in unfilled(columns, given)
            )
    found += _missing_values(inspector)
    return sorted(found)


def unfilled(columns: Mapping[str, ReflectedColumn], given: Iterable[str]) -> Iterator[str]:
    """Return the columns that every INSERT must fill, except the columns in ``given``."""
    for name in columns.keys() - set(given):
        column = columns[name]
        fills = (column["default"], column.get("identity"), column.get("computed"))
        if not column["nullable"] and not any(fills):
            yield name


def shared_enums(inspector: Inspector) -> Iterator[tuple[postgresql.ENUM, list[str]]]:
    """Return each enum of the used columns with its values in the database. SQLite has no enums."""
    if not isinstance(inspector, postgresql.base.PGInspector):
        return
    found = {enum["name"]: enum["labels"] for enum in inspector.get_enums()}
    for table, names in USED_COLUMNS.items():
        for name in names:
            needed = metadata.tables[table].c[name].type.dialect_impl(inspector.dialect)
            if isinstance(needed, postgresql.ENUM) and needed.name in found:
                yield needed, found[needed.name]


def _missing_values(inspector: Inspector) -> Iterator[str]:
    for needed, labels in shared_enums(inspector):
        for value in set(needed.enums).difference(labels):
            yield f"The type {needed.name} has no value {value}."


def _column_differences(
    inspector: Inspector, table: str, columns: Mapping[str, ReflectedColumn]
) -> Iterator[str]:
    for name in USED_COLUMNS[table]:
        needed = metadata.tables[table].c[name]
        if name not in columns:
            yield f"The column {table}.{name} is missing."
        elif not _fits(columns[name]["type"], needed, inspector):
            found, wanted = (
                _type_name(each, inspector) for each in (columns[name]["type"], needed.type)
            )
            yield f"The column {table}.{name} is {found}, but must be {wanted}."


def _fits(found: TypeEngine[object], needed: Column[object], inspector: Inspector) -> bool:
    wanted = needed.type.dialect_impl(inspector.dialect)
    if isinstance(needed.type, UtcTimestamp):
        precision = getattr(found, "precision", None)
        is_precise = precision is None or precision >= _MILLISECONDS
        return isinstance(found, DateTime) and not found.timezone and is_precise
    if isinstance(wanted, postgresql.ENUM):
        return isinstance(found, postgresql.ENUM) and found.name == wanted.name
    # Exclude Enum, which is a String in SQLAlchemy, and CHAR, which is padded with spaces.
    if not isinstance(found, String) or isinstance(found, Enum | CHAR):
        return False
    return found.length is None or found.length >= _CHARS.get((needed.table.name, needed.name), 0)


def _type_name(of: TypeEngine[object], inspector: Inspector) -> str:
    if isinstance(of, NullType):
        return "of another type"
    return of.compile(inspector.dialect)


def _key_differences(inspector: Inspector, table: str) -> Iterator[str]:
    # Foreign keys and ON CONFLICT clauses of this project need these keys.
    needed = [column.name for column in metadata.tables[table].primary_key.columns]
    keys = [inspector.get_pk_constraint(table)["constrained_columns"]]
    keys += [each["column_names"] for each in inspector.get_unique_constraints(table)]
    keys += [
        [name for name in each["column_names"] if name is not None]
        for each in inspector.get_indexes(table)
        if each["unique"] and not each.get("dialect_options", {}).get("postgresql_where")
    ]
    if not any(set(key) == set(needed) for key in keys):
        yield f"The table {table} has no primary key ({', '.join(needed)})."
