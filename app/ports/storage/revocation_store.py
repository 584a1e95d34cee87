"""Where revocations are remembered until what they name would have expired anyway."""

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import Protocol, runtime_checkable

from app.domain.credential import Credential, Revocation


@runtime_checkable
class RevocationStore(Protocol):
    """A set of revocations with an end to each. Survives a restart where the storage does.

    Every method raises `Unavailable` when the storage does not answer.
    """

    async def add(self, revocation: Revocation, ttl_seconds: int) -> None:
        """Remember a revocation for at least ``ttl_seconds`` (>= 1).

        Adding it again extends it: the later end counts, and the later ``issued_until``. Raising
        `Unavailable`, it may have stored it all the same.
        """
        ...

    async def contains(self, credential: Credential) -> bool:
        """Whether any revocation in force covers the credential, in one question."""
        ...

    async def contains_token(self, token: str) -> bool:
        """Whether this token itself is revoked now, whoever it is of."""
        ...

    def missed(
        self, live: Callable[[], Iterable[Credential]]
    ) -> AsyncIterator[Sequence[Revocation]]:
        """What others have revoked since the last call that came to its end, in portions.

        At least what concerns the ``live`` credentials; a call may repeat what an earlier one
        gave. The first call may leave out what was revoked before it, as those who authenticate
        ask `contains`. ``live`` is called between waits, so that it may answer from what changes.
        """
        ...
