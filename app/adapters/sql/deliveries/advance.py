"""Stores a batch of receipts without SQLAlchemy, as in `app.adapters.sql.messages.storing`."""

import sqlite3
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg  # type: ignore[import-untyped]

from app.adapters.sql.connection.engines import PostgresConnection, Write
from app.adapters.sql.deliveries.advance_in_any_order import advance_in_any_order
from app.adapters.sql.deliveries.advance_in_order import advance_in_order
from app.adapters.sql.deliveries.advance_on_sqlite import advance_on_sqlite
from app.adapters.sql.deliveries.advance_results import AdvanceResult, Pair
from app.adapters.sql.skipped_items import Skipped
from app.domain.delivery import DeliveryState


@dataclass(frozen=True, slots=True)
class AdvanceDeliveries(Write[Sequence[AdvanceResult]]):
    """Advances deliveries to DELIVERED or READ, and then the overall state of each message.

    If another program inserts a read receipt of the same message and user at the same moment,
    PostgreSQL may report a deadlock. Then all reports are skipped.

    Attributes:
        pairs: The reported state, DELIVERED or READ, by message and recipient.
    """

    pairs: Mapping[Pair, DeliveryState]
    now: datetime

    async def on_postgres(self, connection: PostgresConnection) -> Sequence[AdvanceResult]:
        """Run one statement."""
        try:
            return await self._advance(connection)
        except asyncpg.DeadlockDetectedError:
            return [Skipped.SKIPPED] * len(self.pairs)

    def on_sqlite(self, connection: sqlite3.Connection) -> Sequence[AdvanceResult]:
        """Run a few prepared statements for each pair, and a few for each message."""
        return advance_on_sqlite(connection, self.pairs, self.now)

    async def _advance(self, connection: PostgresConnection) -> Sequence[AdvanceResult]:
        return await advance_in_any_order(connection, self.pairs, self.now)


class AdvanceDeliveriesInOrder(AdvanceDeliveries):
    """A cheaper write, which skips reports on PostgreSQL that are out of order.

    It also skips the reports of users who have several, unless all users have several.
    """

    async def _advance(self, connection: PostgresConnection) -> Sequence[AdvanceResult]:
        reports_of = Counter(user_id for _, user_id in self.pairs)
        single = {pair: state for pair, state in self.pairs.items() if reports_of[pair[1]] == 1}
        if not single:
            return await super()._advance(connection)
        stored = await advance_in_order(connection, single, self.now)
        return [stored.get(pair, Skipped.SKIPPED) for pair in self.pairs]
