"""Checks whether the database accepts writes, for the readiness endpoint."""

from sqlalchemy import false, update

from app.adapters.sql.connection.database import Database
from app.adapters.sql.schema.tables import channel_sequences
from app.ports import StorageProbe

# A read-only server rejects this statement. Other servers find no matching row, and write nothing.
_CHANGE_NOTHING = (
    update(channel_sequences).values(last_seq=channel_sequences.c.last_seq).where(false())
)


class SqlStorageProbe(StorageProbe):
    """Runs an UPDATE that matches no row, in a write transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def check(self) -> None:
        async with self._database.probing() as connection:
            await connection.execute(_CHANGE_NOTHING)
