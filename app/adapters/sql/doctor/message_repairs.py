"""Repairs the problems that `message_warnings` finds, for ``python -m app migrate``.

Each step is a transaction, so servers may run meanwhile. If another transaction has locked the row
of a message or user, this row is skipped. The next call repairs it.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, func, select, text

from app.adapters.sql.connection.database import check_out
from app.adapters.sql.connection.engines import Engines
from app.adapters.sql.connection.limits import DatabaseLimits
from app.adapters.sql.connection.opening import explained_opening, make_engines
from app.adapters.sql.connection.url import parse_database_url, sqlite_file
from app.adapters.sql.deliveries.advance import AdvanceDeliveries
from app.adapters.sql.deliveries.advance_results import Delivery, Pair
from app.adapters.sql.doctor.message_warnings import (
    MISPLACED,
    NEVER_ADOPTED,
    STATEMENT_SECONDS,
    UNCOUNTED_READS,
    use_whole_tables,
)
from app.adapters.sql.messages.adoption_repository import adopt_again, adopt_all
from app.adapters.sql.messages.repository import take_sequences
from app.adapters.sql.schema.dialects import UtcTimestamp
from app.adapters.sql.schema.tables import message_sequences
from app.domain.delivery import DeliveryState
from app.domain.ids import ChannelId, MessageId, UserId

_STEP_MESSAGES: Final = 500

# The latest positions come first, because `_KEEP_NUMBERS` requires that the messages already in the
# new channel have greater numbers and positions. If a channel's id has changed twice, the messages
# with the first id have the smallest positions, so they come last.
_CHANGED_IDS = text(
    """
    SELECT sequence.channel_id AS old, message."channelId" AS new,
        MAX(sequence.seq) AS last_seq, MAX(sequence.position) AS last_position
    FROM message_sequences AS sequence JOIN messages AS message ON message.id = sequence.message_id
    JOIN channels AS channel ON channel.id = message."channelId"
    LEFT JOIN channels AS former ON former.id = sequence.channel_id
    WHERE sequence.channel_id <> message."channelId" AND former.id IS NULL
    GROUP BY sequence.channel_id, message."channelId"
    ORDER BY last_position DESC
    """
)
# Messages keep their numbers only if all of these numbers are smaller than those of the channel's
# other messages, and do not exceed the channel's last number. In this case, the delivered ranges of
# the channel's members are also correct for these messages.
_KEEP_NUMBERS = text(
    """
    UPDATE message_sequences SET channel_id = :new
    WHERE channel_id = :old
        AND message_id IN (SELECT id FROM messages WHERE "channelId" = :new)
        AND :last_seq <= (SELECT last_seq FROM channel_sequences WHERE channel_id = :new)
        AND NOT EXISTS (
            SELECT 1 FROM message_sequences AS other WHERE other.channel_id = :new
            AND (other.seq <= :last_seq OR other.position <= :last_position)
        )
    """
)
_READS = text(UNCOUNTED_READS).columns(readAt=UtcTimestamp())


async def repair_messages(url: str, limits: DatabaseLimits, now: datetime) -> tuple[str, ...]:
    """Repair the messages of a migrated database; return a sentence for each kind of repair.

    Args:
        now: The time to store for read receipts without a time.

    Raises:
        DatabaseOpenError: The database cannot be reached, or did not answer in time.
    """
    address = parse_database_url(url)
    engines = make_engines(address, replace(limits, statement_timeout_seconds=STATEMENT_SECONDS))
    try:
        with explained_opening(sqlite_file(address)):
            kept = await _keep_numbers(engines)
            moved = await _renumber(engines)
            adopted = await _adopt(engines)
            read = await _count_reads(engines, now)
    finally:
        await engines.writing.dispose()
    counts = {
        "Messages that kept their numbers under their channel's new id": kept,
        "Messages that were moved, with a new number at the end of their channel": moved,
        "Messages that were adopted although their ids look like those of this server": adopted,
        "Read receipts that are counted now": read,
    }
    return tuple(f"{sentence}: {count:,}." for sentence, count in counts.items() if count)


async def _keep_numbers(engines: Engines) -> int:
    async with engines.reading.begin() as connection:
        await connection.run_sync(use_whole_tables)
        new_ids = {ChannelId(row.new) for row in await connection.execute(_CHANGED_IDS)}
    if not new_ids:
        return 0
    async with engines.writing.begin() as connection:
        return await connection.run_sync(_keep_numbers_in, new_ids)


def _keep_numbers_in(connection: Connection, new_ids: Collection[ChannelId]) -> int:
    use_whole_tables(connection)
    # Lock the channels against new messages, and then read their numbers again.
    take_sequences(connection, dict.fromkeys(new_ids, 0))
    rows = connection.execute(_CHANGED_IDS).mappings().all()
    return sum(connection.execute(_KEEP_NUMBERS, dict(row)).rowcount for row in rows)


async def _renumber(engines: Engines) -> int:
    ids = await _find(engines, MISPLACED)
    return sum([await _step(engines, adopt_again, step) for step in _steps(ids)])


async def _adopt(engines: Engines) -> int:
    ids = await _find(engines, NEVER_ADOPTED)
    return sum([await _step(engines, adopt_all, step) for step in _steps(ids)])


async def _find(engines: Engines, query: str) -> list[MessageId]:
    async with engines.reading.begin() as connection:
        await connection.run_sync(use_whole_tables)
        found = await connection.execute(text(f'{query} ORDER BY message."createdAt", message.id'))
        return list(found.scalars())


def _steps(ids: Sequence[MessageId]) -> Iterator[Sequence[MessageId]]:
    for start in range(0, len(ids), _STEP_MESSAGES):
        yield ids[start : start + _STEP_MESSAGES]


async def _step(
    engines: Engines,
    adopt: Callable[[Connection, Sequence[MessageId]], int],
    message_ids: Sequence[MessageId],
) -> int:
    async with engines.writing.begin() as connection:
        return await connection.run_sync(adopt, message_ids)


async def _count_reads(engines: Engines, now: datetime) -> int:
    async with engines.reading.begin() as connection:
        last = await connection.scalar(select(func.max(message_sequences.c.position))) or 0
    counted = 0
    for after in range(0, last, _STEP_MESSAGES):
        async with engines.reading.begin() as connection:
            found = await connection.execute(
                _READS, {"after": after, "until": after + _STEP_MESSAGES}
            )
            rows = found.all()
        reads: dict[datetime, dict[Pair, DeliveryState]] = defaultdict(dict)
        for message_id, user_id, read_at in rows:
            reads[read_at or now][MessageId(message_id), UserId(user_id)] = DeliveryState.READ
        for read_at, pairs in reads.items():
            write = AdvanceDeliveries(pairs, read_at)
            results = await engines.write(await check_out(engines.writing), write)
            counted += sum(isinstance(result, Delivery) for result in results)
    return counted
