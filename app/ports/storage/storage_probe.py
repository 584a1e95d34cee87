"""Checks whether the storage accepts writes."""

from typing import Protocol, runtime_checkable


@runtime_checkable
class StorageProbe(Protocol):
    """Checks the storage for the readiness endpoint."""

    async def check(self) -> None:
        """Check that the storage would accept a write, without writing anything.

        The check waits for its turn like a write, with the same timeout. A full disk is not
        detected.

        Raises:
            Unavailable: The storage does not answer, is read-only, or was busy until the timeout.
        """
        ...
