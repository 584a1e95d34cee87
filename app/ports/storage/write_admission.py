"""The limit of concurrent writes, and their rejection while the storage does not answer."""

from typing import Protocol, runtime_checkable


@runtime_checkable
class WriteAdmission(Protocol):
    """A storage that limits concurrent writes, and rejects them while it does not answer.

    Attributes:
        writers: How many transactions may write at the same time; at least one.
    """

    writers: int

    async def admit_writer(self) -> None:
        """Raise `Unavailable` while the storage rejects writes because it does not answer."""
        ...
