"""The memory answers everybody."""

from app.ports import StorageWriters


class MemoryWriters(StorageWriters):
    """As many as it is told."""

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once

    @property
    def at_once(self) -> int:
        """The number it was made with."""
        return self._at_once

    async def admit(self) -> None:
        """Return at once."""
