"""What the chat needs of the original backend's tables, and whether a live database has it.

Which columns may be NULL there, what they default to and what a deletion takes along is for the
original's own migrations to say. So nothing is a difference but what keeps this server from reading
or writing.
"""

from collections.abc import Iterable, Iterator, Mapping

from sqlalchemy import CHAR, Column, Connection, DateTime, Enum, Inspector, String, inspect
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine.interfaces import ReflectedColumn
from sqlalchemy.types import NullType, TypeEngine

from app.adapters.sql.schema.dialects import UtcTimestamp
from app.adapters.sql.schema.tables import metadata

NEEDED: Mapping[str, tuple[str, ...]] = {
    "users": ("id", "name", "imageUrl", "updatedAt"),
    "channels": ("id", "name", "description", "type", "createdById", "createdAt", "updatedAt"),
    "channel_members": ("channelId", "userId", "role", "createdAt", "last_read_at", "joined_at"),
    "messages": (
        *("id", "content", "channelId", "userId"),
        *("createdAt", "updatedAt", "deliveryStatus", "replyToId"),
    ),
    "read_receipts": ("messageId", "userId", "readAt"),
}
"""By table, the columns that are read or written."""

_LEFT_NULL = frozenset({("messages", "replyToId")})
"""Of these columns, what a row that is inserted does not have."""

_CHARS = {
    ("messages", "id"): 36,
    ("messages", "content"): 4_000,  # by default, and a character may be more than a byte
    ("read_receipts", "messageId"): 36,
}
"""How long texts get that this server makes up, or lets people write."""

_MILLISECONDS = 3


def original_differences(connection: Connection) -> list[str]:
    """What keeps the server from working on these tables, sorted. Blocks on the database."""
    inspector = inspect(connection)
    present = NEEDED.keys() & set(inspector.get_table_names())
    found = [f"The table {table} is missing." for table in NEEDED.keys() - present]
    for table in present:
        columns = {column["name"]: column for column in inspector.get_columns(table)}
        found += _column_differences(inspector, table, columns)
        found += _key_differences(inspector, table)
        if table != "users":  # whom `seed` alone creates
            given = [name for name in NEEDED[table] if (table, name) not in _LEFT_NULL]
            found += (
                f"The column {table}.{name} must not be NULL and has no default value, "
                "and nothing here writes it."
                for name in unfilled(columns, given)
            )
    found += _missing_values(inspector)
    return sorted(found)


def unfilled(columns: Mapping[str, ReflectedColumn], given: Iterable[str]) -> Iterator[str]:
    """The columns that refuse a row in which nothing but ``given`` is given."""
    for name in columns.keys() - set(given):
        column = columns[name]
        fills = (column["default"], column.get("identity"), column.get("computed"))
        if not column["nullable"] and not any(fills):
            yield name


def original_enums(inspector: Inspector) -> Iterator[tuple[postgresql.ENUM, list[str]]]:
    """The enums that are needed, each with the values that it has; SQLite has none."""
    if not isinstance(inspector, postgresql.base.PGInspector):
        return
    found = {enum["name"]: enum["labels"] for enum in inspector.get_enums()}
    for table, names in NEEDED.items():
        for name in names:
            needed = metadata.tables[table].c[name].type.dialect_impl(inspector.dialect)
            if isinstance(needed, postgresql.ENUM) and needed.name in found:
                yield needed, found[needed.name]


def _missing_values(inspector: Inspector) -> Iterator[str]:
    for needed, labels in original_enums(inspector):
        for value in set(needed.enums).difference(labels):
            yield f"The type {needed.name} has no value {value}."


def _column_differences(
    inspector: Inspector, table: str, columns: Mapping[str, ReflectedColumn]
) -> Iterator[str]:
    for name in NEEDED[table]:
        needed = metadata.tables[table].c[name]
        if name not in columns:
            yield f"The column {table}.{name} is missing."
        elif not _serves(columns[name]["type"], needed, inspector):
            found, wanted = (
                _type_name(each, inspector) for each in (columns[name]["type"], needed.type)
            )
            yield f"The column {table}.{name} is {found}, and has to be {wanted}."


def _serves(found: TypeEngine[object], needed: Column[object], inspector: Inspector) -> bool:
    """Whether a column of this type can be read and written as the one that is needed."""
    wanted = needed.type.dialect_impl(inspector.dialect)
    if isinstance(needed.type, UtcTimestamp):
        precision = getattr(found, "precision", None)
        is_precise = precision is None or precision >= _MILLISECONDS
        return isinstance(found, DateTime) and not found.timezone and is_precise
    if isinstance(wanted, postgresql.ENUM):
        return isinstance(found, postgresql.ENUM) and found.name == wanted.name
    # An enum is a String to SQLAlchemy; a CHAR is filled up with spaces.
    if not isinstance(found, String) or isinstance(found, Enum | CHAR):
        return False
    return found.length is None or found.length >= _CHARS.get((needed.table.name, needed.name), 0)


def _type_name(of: TypeEngine[object], inspector: Inspector) -> str:
    if isinstance(of, NullType):
        return "of another type"
    return of.compile(inspector.dialect)


def _key_differences(inspector: Inspector, table: str) -> Iterator[str]:
    """Foreign keys of ours refer to these, and ON CONFLICT goes by them."""
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
