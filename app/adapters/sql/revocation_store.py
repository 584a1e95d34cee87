"""Stores revocations in a log that every node reads."""

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from datetime import timedelta
from math import inf, isinf

from sqlalchemy import ColumnElement, and_, delete, exists, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.adapters.sql.connection.database import Database
from app.adapters.sql.frequent_queries import REVOCATIONS
from app.adapters.sql.schema.tables import revocations
from app.domain.credential import Credential, Revocation, RevocationKind, token_digest
from app.ports import Clock, RevocationStore

PAGE_ROWS = 1_000
"""The maximum number of revocations that `SqlRevocationStore.missed` yields at a time."""
_ADDING = 0x7265766F  # "revo"
"""The key of the advisory lock that a transaction holds while it adds to the log."""


class SqlRevocationStore(RevocationStore):
    """A log of revocations, each with an expiry time by the wall clock.

    Nodes read the log in the order of positions, and miss no revocation: a lock serializes the
    additions of all nodes, so positions become visible in ascending order.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._position = 0

    async def on_module_init(self) -> None:
        """Begin reading after the last stored revocation, because this node has no sessions yet."""
        query = select(func.max(revocations.c.position))
        async with self._database.asking() as connection:
            self._position = await connection.scalar(query) or 0

    async def add(self, revocation: Revocation, ttl_seconds: int) -> None:
        now = self._clock.now()
        same = _names(revocation.kind, revocation.subject)
        existing = select(revocations.c.issued_until, revocations.c.expires_at).where(same)
        issued_until = revocation.issued_until
        expires_at = now + timedelta(seconds=ttl_seconds)
        async with self._database.transaction() as connection:
            await _lock_log(connection)
            await connection.execute(delete(revocations).where(revocations.c.expires_at < now))
            for row in await connection.execute(existing):
                issued_until = max(issued_until, _moment(row.issued_until))
                expires_at = max(expires_at, row.expires_at)
            await connection.execute(delete(revocations).where(same))
            await connection.execute(
                insert(revocations).values(
                    kind=revocation.kind,
                    subject=revocation.subject,
                    issued_until=None if isinf(issued_until) else issued_until,
                    expires_at=expires_at,
                )
            )

    async def contains(self, credential: Credential) -> bool:
        principal = credential.principal
        rows = await self._database.fetch(
            REVOCATIONS,
            *(credential.digest, principal.user_id, principal.session_id),
            *(self._clock.now().timestamp(), principal.issued_at),
        )
        return bool(rows)

    async def contains_token(self, token: str) -> bool:
        is_revoked = exists().where(
            _names(RevocationKind.TOKEN, token_digest(token)),
            revocations.c.expires_at >= self._clock.now(),
        )
        async with self._database.asking() as connection:
            return bool(await connection.scalar(select(is_revoked)))

    async def missed(
        self,
        live: Callable[[], Iterable[Credential]],  # noqa: ARG002 - the log is not filtered
    ) -> AsyncIterator[Sequence[Revocation]]:
        position = self._position
        while page := await self._page_after(position):
            yield [revocation for _, revocation in page]
            position, _ = page[-1]
        self._position = position

    async def _page_after(self, position: int) -> list[tuple[int, Revocation]]:
        query = (
            select(
                revocations.c.position,
                revocations.c.kind,
                revocations.c.subject,
                revocations.c.issued_until,
            )
            .where(revocations.c.position > position)
            .order_by(revocations.c.position)
            .limit(PAGE_ROWS)
        )
        async with self._database.asking() as connection:
            return [
                (
                    row.position,
                    Revocation(RevocationKind(row.kind), row.subject, _moment(row.issued_until)),
                )
                for row in await connection.execute(query)
            ]


async def _lock_log(connection: AsyncConnection) -> None:
    # SQLite needs no lock, because it has only one writer.
    if connection.dialect.name == "postgresql":
        await connection.execute(select(func.pg_advisory_xact_lock(_ADDING)))


def _names(kind: RevocationKind, subject: str) -> ColumnElement[bool]:
    return and_(revocations.c.kind == kind, revocations.c.subject == subject)


def _moment(stored: float | None) -> float:
    return inf if stored is None else stored
