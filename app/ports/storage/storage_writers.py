"""Who writes to the storage: how many at once, and whether it is any use to wait."""

from typing import Protocol, runtime_checkable


@runtime_checkable
class StorageWriters(Protocol):
    """Asked before somebody waits for others that are writing."""

    @property
    def at_once(self) -> int:
        """How many transactions may write at once; at least one."""
        ...

    async def admit(self) -> None:
        """Return unless the storage is known not to answer those who are writing.

        Raises:
            Unavailable: It is; another who waits for them would wait in vain.
        """
        ...
