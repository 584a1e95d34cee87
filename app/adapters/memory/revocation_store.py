"""Stores revocations in memory."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from math import inf

from app.adapters.memory.expiring_map import ExpiringMap
from app.domain.credential import Credential, Revocation, RevocationKind, subjects_of, token_digest
from app.ports import Clock, RevocationStore

CREDENTIALS_AT_ONCE = 1_000
"""The number of credentials that `missed` looks up before it yields to the event loop."""


class MemoryRevocationStore(RevocationStore):
    """Stores the ``issued_until`` of each revocation by its kind and subject."""

    def __init__(self, clock: Clock) -> None:
        self._issued_until: ExpiringMap[tuple[RevocationKind, str], float] = ExpiringMap(clock)

    async def add(self, revocation: Revocation, ttl_seconds: int) -> None:
        key = (revocation.kind, revocation.subject)
        current = self._issued_until.get(key)
        later = max(revocation.issued_until, -inf if current is None else current)
        self._issued_until.put(key, later, ttl_seconds)

    async def contains(self, credential: Credential) -> bool:
        return any(True for _ in self._covering(credential))

    async def contains_token(self, token: str) -> bool:
        return self._issued_until.get((RevocationKind.TOKEN, token_digest(token))) is not None

    async def missed(
        self, live: Callable[[], Iterable[Credential]]
    ) -> AsyncIterator[Sequence[Revocation]]:
        if not self._issued_until:
            return
        credentials = tuple(live())
        for start in range(0, len(credentials), CREDENTIALS_AT_ONCE):
            batch = credentials[start : start + CREDENTIALS_AT_ONCE]
            found = [each for credential in batch for each in self._covering(credential)]
            if found:
                yield found
            await asyncio.sleep(0)

    def _covering(self, credential: Credential) -> Iterator[Revocation]:
        for kind, subject in subjects_of(credential):
            issued_until = self._issued_until.get((kind, subject))
            if issued_until is not None:
                revocation = Revocation(kind, subject, issued_until)
                if revocation.covers(credential):
                    yield revocation
