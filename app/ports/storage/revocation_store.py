"""Stores revocations until the revoked tokens have expired."""

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import Protocol, runtime_checkable

from app.domain.credential import Credential, Revocation


@runtime_checkable
class RevocationStore(Protocol):
    """A set of revocations, each with an expiry time.

    Every method raises `Unavailable` if the storage does not answer. The memory, SQL and Redis
    adapters each have an implementation.
    """

    async def add(self, revocation: Revocation, ttl_seconds: int) -> None:
        """Store a revocation for at least ``ttl_seconds`` (>= 1).

        If the revocation is already stored, the later expiry and the later ``issued_until`` apply.
        If this raises `Unavailable`, the revocation may still have been stored.
        """
        ...

    async def contains(self, credential: Credential) -> bool:
        """Return whether any revocation covers the credential, with one query."""
        ...

    async def contains_token(self, token: str) -> bool:
        """Return whether this token itself is revoked, regardless of its session and user."""
        ...

    def missed(
        self, live: Callable[[], Iterable[Credential]]
    ) -> AsyncIterator[Sequence[Revocation]]:
        """Yield the revocations that other processes added since the last completed call.

        The batches include every such revocation that covers a ``live`` credential, and may repeat
        revocations. The first call may omit revocations that were stored before it, because
        authentication checks new clients with `contains`. The result of ``live`` is consumed
        without an await in between, so ``live`` may return an iterator over a collection that
        changes later.
        """
        ...
