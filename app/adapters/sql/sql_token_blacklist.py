"""Revoked tokens in the database, as digests."""

from datetime import timedelta

from sqlalchemy import delete, exists, insert, select

from app.adapters.sql.database import Database
from app.adapters.sql.tables import revoked_tokens
from app.ports import Clock, RevocationLog, TokenBlacklist
from app.ports.token_blacklist import MAX_REVOCATIONS, token_digest


class SqlTokenBlacklist(TokenBlacklist):
    """A log of revocations, each with its end by the wall clock: it has to survive a restart.

    Adding a token again appends to the log, so its end is the latest of its rows and whoever reads
    by position hears of it. Each addition drops what has ended.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def add(self, token: str, ttl_seconds: int) -> None:
        """Remember the token, or extend it."""
        now = self._clock.now()
        row = insert(revoked_tokens).values(
            digest=token_digest(token), expires_at=now + timedelta(seconds=ttl_seconds)
        )
        async with self._database.transaction() as connection:
            await connection.execute(
                delete(revoked_tokens).where(revoked_tokens.c.expires_at < now)
            )
            await connection.execute(row)

    async def contains(self, token: str) -> bool:
        """Whether the token is revoked now."""
        found = exists().where(
            revoked_tokens.c.digest == token_digest(token),
            revoked_tokens.c.expires_at >= self._clock.now(),
        )
        async with self._database.reading() as connection:
            return bool(await connection.scalar(select(found)))

    async def revoked_after(self, position: int) -> RevocationLog:
        """What was added after ``position``."""
        query = (
            select(revoked_tokens.c.position, revoked_tokens.c.digest)
            .where(revoked_tokens.c.position > position)
            .order_by(revoked_tokens.c.position)
            .limit(MAX_REVOCATIONS)
        )
        async with self._database.reading() as connection:
            rows = (await connection.execute(query)).all()
        return RevocationLog(
            digests=tuple(row.digest for row in rows),
            position=rows[-1].position if rows else position,
        )
