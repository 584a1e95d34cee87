"""The writers of a database."""

from app.adapters.sql.connection.database import Database
from app.ports import StorageWriters


class SqlWriters(StorageWriters):
    """Tells how many writers the database admits, and asks its circuit breaker for writers."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @property
    def at_once(self) -> int:
        """One for SQLite, half of the connections to a server."""
        return self._database.writers

    async def admit(self) -> None:
        """Return if the circuit breaker lets writers pass."""
        await self._database.admit_writer()
