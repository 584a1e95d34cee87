"""Finds rows of unknown tables that prevent the deletion of a channel.

A table is unknown if `app.adapters.sql.schema.tables` does not declare it.
"""

from sqlalchemy import column, select, table, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.adapters.sql.schema.tables import metadata
from app.domain.errors import ChannelInUse
from app.domain.ids import ChannelId

# Query the catalogs directly: on SQLite, SQLAlchemy's inspector does not return the ON DELETE rule
# of a foreign key that is declared inline with its column.
_PREVENTING_KEYS = {
    "sqlite": text("""
SELECT NULL, child.name, key."from"
FROM sqlite_schema AS child, pragma_foreign_key_list(child.name) AS key
WHERE child.type = 'table' AND lower(key."table") = 'channels'
    AND coalesce(key."to", 'id') = 'id' AND key.on_delete IN ('NO ACTION', 'RESTRICT')
"""),
    "postgresql": text("""
SELECT space.nspname, child.relname, referring.attname
FROM pg_constraint AS key
JOIN pg_class AS child ON child.oid = key.conrelid
JOIN pg_namespace AS space ON space.oid = child.relnamespace
JOIN pg_attribute AS referred ON referred.attrelid = key.confrelid AND referred.attname = 'id'
JOIN pg_attribute AS referring ON referring.attrelid = key.conrelid
    AND referring.attnum = key.conkey[array_position(key.confkey, referred.attnum)]
WHERE key.contype = 'f' AND key.confrelid = 'channels'::regclass AND key.confdeltype IN ('a', 'r')
"""),
}
"""Queries, by dialect, for the foreign keys that prevent the deletion of a referenced channel.

Each row contains the schema, the table and the column of a foreign key.
"""


async def require_unreferenced(connection: AsyncConnection, channel_id: ChannelId) -> None:
    """Check that no row of an unknown table prevents the deletion of the channel.

    Reads the catalog each time, because tables may be created while the server runs, and channels
    are deleted rarely.

    Raises:
        ChannelInUse: A row of an unknown table refers to the channel.
    """
    keys = (await connection.execute(_PREVENTING_KEYS[connection.dialect.name])).all()
    for schema, name, referring in keys:
        if name in metadata.tables:
            continue
        rows = table(name, column(referring), schema=schema)
        of_channel = select(rows).where(rows.c[referring] == channel_id)
        if await connection.scalar(select(of_channel.exists())):
            raise ChannelInUse(name)
