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
        """Return if the storage accepts writes now.

        A caller that would have to wait for other writes asks this first: while the storage does
        not answer, it would wait in vain.

        Raises:
            Unavailable: The storage rejects writes because it does not answer.
        """
        ...
