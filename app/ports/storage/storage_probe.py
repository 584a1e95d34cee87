"""Checks whether the storage accepts writes."""

from typing import Protocol, runtime_checkable


@runtime_checkable
class StorageProbe(Protocol):
    """Answers the readiness check of load balancers."""

    async def check(self) -> None:
        """Return if the storage would accept a write. Nothing is written.

        The check waits for its turn as a write does, with the same timeout. It does not detect a
        full disk.

        Raises:
            Unavailable: The storage does not answer, is read-only, or was busy until the timeout.
        """
        ...
