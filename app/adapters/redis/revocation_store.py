"""Revocations in Redis, the tokens' where NestJS nodes look for them."""

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from math import inf, isnan

from redis.asyncio import Redis

from app.adapters.redis import keys
from app.adapters.redis.connection import RedisConnection
from app.domain.credential import Credential, Revocation, RevocationKind, subjects_of
from app.ports import RevocationStore

CREDENTIALS_AT_ONCE = 128
"""Three keys each, one of them as long as a token: about 100 KB, and half a millisecond of ours."""


class RedisRevocationStore(RevocationStore):
    """A key per revocation. Of a token's or sign-in's it counts that it exists, not what it holds.

    A user's key holds ``issued_until``; what is no number there concerns everything issued.
    """

    def __init__(self, connection: RedisConnection) -> None:
        self._connection = connection

    async def add(self, revocation: Revocation, ttl_seconds: int) -> None:
        """Remember it, or extend it, in one step.

        Raises:
            ValueError: It is of a token that is not at hand: the documented key needs it.
        """
        key, value = _entry(revocation)
        await self._connection.run_script("remember", [key], max(1, ttl_seconds), value)

    async def contains(self, credential: Credential) -> bool:
        """Whether any revocation in force covers the credential."""
        values = await self._values([key for key, *_ in _questions(credential)])
        return any(_covering(credential, values))

    async def contains_token(self, token: str) -> bool:
        """Whether this token itself is revoked now."""
        return bool(await self._values([keys.blacklisted_token(token)]))

    async def missed(
        self, live: Callable[[], Iterable[Credential]]
    ) -> AsyncIterator[Sequence[Revocation]]:
        """Every revocation in force of a ``live`` credential, whoever added it and when."""
        credentials = tuple(live())
        for start in range(0, len(credentials), CREDENTIALS_AT_ONCE):
            portion = credentials[start : start + CREDENTIALS_AT_ONCE]
            # Sockets of one user ask for the same keys: a mapping names each once.
            asked = dict.fromkeys(key for each in portion for key, *_ in _questions(each))
            values = await self._values(list(asked))
            found = [each for credential in portion for each in _covering(credential, values)]
            if found:
                yield found

    async def _values(self, asked: Sequence[bytes]) -> Mapping[bytes, bytes | str]:
        """What those of the keys hold that exist."""

        async def command(redis: Redis) -> list[bytes | str | None]:
            return await redis.mget(asked)

        values = await self._connection.run(command)
        return {key: value for key, value in zip(asked, values, strict=True) if value is not None}


def _entry(revocation: Revocation) -> tuple[bytes, str]:
    if revocation.kind is RevocationKind.TOKEN and revocation.token is None:
        raise ValueError("a token is revoked in Redis by the token itself")
    is_of_user = revocation.kind is RevocationKind.USER
    key = _key(revocation.kind, revocation.subject, revocation.token or "")
    return key, repr(revocation.issued_until) if is_of_user else "1"


def _questions(credential: Credential) -> Iterator[tuple[bytes, RevocationKind, str]]:
    """The keys to look at, and what each would revoke."""
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
    # No token was issued before "not a number": it would be a revocation of nothing.
    return inf if isnan(moment) else moment
