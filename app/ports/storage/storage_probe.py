"""Whether anything could be stored now."""

from typing import Protocol, runtime_checkable


@runtime_checkable
class StorageProbe(Protocol):
    """Asked by whoever decides where clients are sent."""

    async def check(self) -> None:
        """Return if the storage would take a write, without one.

        It waits for its turn like a write, and no longer. A full disk may go unnoticed.

        Raises:
            Unavailable: The storage does not answer, is read only, or is busy for too long.
        """
        ...
