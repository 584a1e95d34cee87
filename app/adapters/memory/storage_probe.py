"""A storage check that always succeeds."""

from app.ports import StorageProbe


class MemoryStorageProbe(StorageProbe):
    """Reports that memory accepts writes."""

    async def check(self) -> None:
        """Return at once."""
