"""Checks the storage in memory, which is always available."""

from app.ports import StorageProbe


class MemoryStorageProbe(StorageProbe):
    """Reports that memory accepts writes."""

    async def check(self) -> None:
        """Return at once, as memory always accepts writes."""
