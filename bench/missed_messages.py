"""Measures the time to read missed messages, with 1,000 and 1,000,000 delivered ones stored."""

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import delete, insert

from app.adapters.sql.channels.repository import SqlChannelRepository
from app.adapters.sql.connection.database import Database
from app.adapters.sql.deliveries.repository import SqlDeliveryRepository
from app.adapters.sql.messages.repository import SqlMessageRepository
from app.adapters.sql.schema.tables import (
    channel_sequences,
    delivered_ranges,
    message_sequences,
    messages,
)
from app.domain.ids import ChannelId, UserId, new_message_id
from app.domain.message import MessageDraft
from app.services.offline_message_service import OfflineMessageService
from bench.databases import DATABASES, fresh_database

HISTORIES = (1_000, 1_000_000)
UNDELIVERED = 20

_CALLS = 300
_WARM_UP_CALLS = 20
_CHUNK = 5_000
_READER, _WRITER = UserId("user_reader"), UserId("user_writer")
_CHANNEL = ChannelId("general")


@dataclass(frozen=True, slots=True)
class Missed:
    """The median durations of one call.

    Attributes:
        what: The event that causes the call.
        took_us: The medians in microseconds, by the number of delivered messages in the channel.
    """

    database: str
    what: str
    took_us: dict[int, float]

    @property
    def times(self) -> float:
        """Return the median with the long history, divided by the median with the short one."""
        short, long = HISTORIES
        return self.took_us[long] / self.took_us[short]

    def row(self) -> str:
        """Return a line of the table."""
        cells = [self.database, self.what]
        cells += [f"{self.took_us[history]:,.0f}" for history in HISTORIES]
        return "| " + " | ".join([*cells, f"{self.times:.2f}"]) + " |"


HEADING = (
    "| database | call | µs, 1,000 stored | µs, 1,000,000 stored | times as long |\n"
    "| --- | --- | ---: | ---: | ---: |"
)


def find() -> Iterator[Missed]:
    """Measure all calls on all databases."""
    for name in DATABASES:
        found: dict[str, dict[int, float]] = {}
        for history in HISTORIES:
            with fresh_database(name) as database:
                for what, took in asyncio.run(_measure(database.url, history)).items():
                    found.setdefault(what, {})[history] = took
        for what, took_us in found.items():
            yield Missed(name, what, took_us)


async def _measure(url: str, history: int) -> dict[str, float]:
    database = Database(url, migrate=True)
    try:
        await database.on_module_init()
        await SqlChannelRepository(database).seed({_READER: [_CHANNEL], _WRITER: [_CHANNEL]})
        for first in range(1, history + 1, _CHUNK):
            await _fill(database, first, min(first + _CHUNK, history + 1))
        repository = SqlMessageRepository(database)
        drafts = [
            MessageDraft(new_message_id(), _CHANNEL, _WRITER, "hello", None)
            for _ in range(UNDELIVERED)
        ]
        await repository.add_all(drafts, datetime.now(UTC))
        offline = OfflineMessageService(SqlDeliveryRepository(database), repository)
        return {
            "`message:getOfflineCount`": await _timed(lambda: offline.count(_READER)),
            "`message:getOffline`": await _timed(lambda: offline.undelivered(_READER, 100, None)),
            "`message:getOffline {afterSeq}`": await _timed(
                lambda: offline.after(_READER, _CHANNEL, history, 100)
            ),
        }
    finally:
        await database.on_application_shutdown(None)


async def _timed(call: Callable[[], Awaitable[object]]) -> float:
    took = []
    for _ in range(_WARM_UP_CALLS + _CALLS):
        began = time.perf_counter()
        await call()
        took.append(1e6 * (time.perf_counter() - began))
    return statistics.median(took[_WARM_UP_CALLS:])


async def _fill(database: Database, first: int, end: int) -> None:
    """Insert delivered messages with the sequence numbers from ``first`` to ``end - 1``."""
    now = datetime.now(UTC)
    ids = {number: new_message_id() for number in range(first, end)}
    place = {"channel_id": _CHANNEL}
    async with database.transaction() as connection:
        await connection.execute(
            insert(messages).values(content="hello", channelId=_CHANNEL, userId=_WRITER),
            [
                {"id": id_, "createdAt": now, "updatedAt": now, "deliveryStatus": "DELIVERED"}
                for id_ in ids.values()
            ],
        )
        await connection.execute(
            insert(message_sequences),
            [{"message_id": id_, "seq": number, **place} for number, id_ in ids.items()],
        )
        await connection.execute(delete(delivered_ranges))
        await connection.execute(
            insert(delivered_ranges).values(**place, first_seq=1, end_seq=end),
            [{"user_id": _READER}, {"user_id": _WRITER}],
        )
        await connection.execute(delete(channel_sequences))
        await connection.execute(insert(channel_sequences).values(**place, last_seq=end - 1))
