"""Stores revocations in Redis, with the keys that the NestJS backend uses for revoked tokens."""

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from math import inf, isnan

from redis.asyncio import Redis

from app.adapters.redis import keys
from app.adapters.redis.connection import RedisConnection
from app.domain.credential import Credential, Revocation, RevocationKind, subjects_of
from app.ports import RevocationStore

CREDENTIALS_AT_ONCE = 128
"""The number of credentials per query of `missed`.

Each credential needs three keys, one of which contains the whole token. So a query has about
100 KB, and takes 0.5 ms of this process's CPU time.
"""


class RedisRevocationStore(RevocationStore):
    """Stores a key per revocation.

    A token or session is revoked if its key exists; the value is ignored. The key of a revoked user
    contains ``issued_until``. If this value is not a number, all tokens of the user are revoked.
    """

    def __init__(self, connection: RedisConnection) -> None:
        self._connection = connection

    async def add(self, revocation: Revocation, ttl_seconds: int) -> None:
        """Store or extend a revocation atomically.

        Raises:
            ValueError: The revocation of a token contains only the digest, but the key needs the
                token.
        """
        key, value = _entry(revocation)
        await self._connection.run_script("remember", [key], max(1, ttl_seconds), value)

    async def contains(self, credential: Credential) -> bool:
        values = await self._values([key for key, *_ in _questions(credential)])
        return any(_covering(credential, values))

    async def contains_token(self, token: str) -> bool:
        return bool(await self._values([keys.blacklisted_token(token)]))

    async def missed(
        self, live: Callable[[], Iterable[Credential]]
    ) -> AsyncIterator[Sequence[Revocation]]:
        credentials = tuple(live())
        for start in range(0, len(credentials), CREDENTIALS_AT_ONCE):
            batch = credentials[start : start + CREDENTIALS_AT_ONCE]
            # The dict removes duplicates: credentials of the same user share the user's key.
            asked = dict.fromkeys(key for each in batch for key, *_ in _questions(each))
            values = await self._values(list(asked))
            found = [each for credential in batch for each in _covering(credential, values)]
            if found:
                yield found

    async def _values(self, asked: Sequence[bytes]) -> Mapping[bytes, bytes | str]:
        async def command(redis: Redis) -> list[bytes | str | None]:
            return await redis.mget(asked)

        values = await self._connection.run(command)
        return {key: value for key, value in zip(asked, values, strict=True) if value is not None}


def _entry(revocation: Revocation) -> tuple[bytes, str]:
    if revocation.kind is RevocationKind.TOKEN and revocation.token is None:
        raise ValueError("the key of a revoked token in Redis needs the token itself")
    is_of_user = revocation.kind is RevocationKind.USER
    key = _key(revocation.kind, revocation.subject, revocation.token or "")
    return key, repr(revocation.issued_until) if is_of_user else "1"


def _questions(credential: Credential) -> Iterator[tuple[bytes, RevocationKind, str]]:
    for kind, subject in subjects_of(credential):
        yield _key(kind, subject, credential.token), kind, subject


def _key(kind: RevocationKind, subject: str, token: str) -> bytes:
    match kind:
        case RevocationKind.TOKEN:
            return keys.blacklisted_token(token)
        case RevocationKind.SESSION:
            return keys.revoked_session(subject)
        case RevocationKind.USER:
            return keys.revoked_user(subject)


def _covering(credential: Credential, values: Mapping[bytes, bytes | str]) -> Iterator[Revocation]:
    for key, kind, subject in _questions(credential) if values else ():
        value = values.get(key)
        if value is not None:
            issued_until = _issued_until(value) if kind is RevocationKind.USER else inf
            revocation = Revocation(kind, subject, issued_until)
            if revocation.covers(credential):
                yield revocation


def _issued_until(value: bytes | str) -> float:
    try:
        moment = float(value)
    except ValueError:
        return inf
    # NaN must count as infinite: every comparison with NaN is false, so no token would be revoked.
    return inf if isnan(moment) else moment
