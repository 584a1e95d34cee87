"""Finds minor problems of the shared tables, in spite of which the server works."""

from collections.abc import Iterator

from sqlalchemy import Connection, Inspector, inspect

from app.adapters.sql.schema.shared_tables import SHARED_TABLES, shared_enums, unfilled
from app.adapters.sql.schema.tables import messages, metadata

_DELETED_FROM = frozenset({"messages", "channels", "channel_members"})
"""The tables from which this server deletes rows."""

_SEEDED = {
    "users": ("id", "name", "updatedAt"),
    "channels": ("id", "name", "createdById", "updatedAt"),
    "channel_members": ("channelId", "userId"),
}
"""The columns that ``python -m app seed`` writes, by table."""


def shared_table_warnings(connection: Connection) -> list[str]:
    """Return one sentence for each problem, sorted. Blocks the thread."""
    inspector = inspect(connection)
    return sorted(
        {*_blocked_deletions(inspector), *_unknown_states(inspector), *_unseeded(inspector)},
    )


def _blocked_deletions(inspector: Inspector) -> Iterator[str]:
    for (_, table), keys in inspector.get_multi_foreign_keys().items():
        if table in metadata.tables and table not in SHARED_TABLES:
            continue
        for key in keys:
            action = key.get("options", {}).get("ondelete", "NO ACTION")
            refused = key["referred_table"]
            if refused in _DELETED_FROM and action in {"NO ACTION", "RESTRICT"}:
                columns = ", ".join(key["constrained_columns"])
                yield (
                    f"No row of {refused} can be deleted while {table} ({columns}) refers to it: "
                    f"the foreign key is ON DELETE {action}."
                )


def _unknown_states(inspector: Inspector) -> Iterator[str]:
    read = messages.c.deliveryStatus.type.dialect_impl(inspector.dialect)
    for needed, labels in shared_enums(inspector):
        if needed.name == getattr(read, "name", None):
            for value in set(labels).difference(needed.enums):
                yield f"A message whose deliveryStatus is {value} is shown as SENT."


def _unseeded(inspector: Inspector) -> Iterator[str]:
    for table in _SEEDED.keys() & set(inspector.get_table_names()):
        columns = {column["name"]: column for column in inspector.get_columns(table)}
        for name in unfilled(columns, _SEEDED[table]):
            yield (
                f"`seed` cannot add to {table}: the column {name} must not be NULL and has no "
                "default value."
            )
