"""Who writes to a database."""

from app.adapters.sql.connection.database import Database
from app.ports import StorageWriters


class SqlWriters(StorageWriters):
    """As many as the database lets write, while its gate for them is open."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @property
    def at_once(self) -> int:
        """One for SQLite, half of the connections to a server."""
        return self._database.writers

    async def admit(self) -> None:
        """Pass the gate."""
        await self._database.admit_writer()
