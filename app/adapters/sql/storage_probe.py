"""Whether the database takes writes, asked without one."""

from sqlalchemy import false, update

from app.adapters.sql.connection.database import Database
from app.adapters.sql.schema.tables import channel_sequences
from app.ports import StorageProbe

# A server that is read only refuses the statement; another one finds nothing to change, so there is
# nothing to bring to the disk.
_CHANGE_NOTHING = (
    update(channel_sequences).values(last_seq=channel_sequences.c.last_seq).where(false())
)


class SqlStorageProbe(StorageProbe):
    """Runs a statement that changes no row, as a writer would."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def check(self) -> None:
        """Begin to write, and end."""
        async with self._database.probing() as connection:
            await connection.execute(_CHANGE_NOTHING)
