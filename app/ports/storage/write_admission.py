"""Limits concurrent writes, and rejects writes while the storage does not answer."""

from typing import Protocol, runtime_checkable


@runtime_checkable
class WriteAdmission(Protocol):
    """A storage that limits concurrent writes, and rejects writes while it does not answer.

    `Database` and `MemoryStore` implement this port.

    Attributes:
        writers: The maximum number of concurrent write transactions; at least one.
    """

    writers: int

    async def admit_writer(self) -> None:
        """Raise `Unavailable` while the storage does not answer and so rejects writes."""
        ...
