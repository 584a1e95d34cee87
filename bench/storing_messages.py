"""Measures the rate and cost of storing messages, in group commits and one by one."""

import asyncio
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from app.config.settings import Settings
from app.domain.ids import ChannelId, ClientMessageId, UserId
from app.framework import IoAdapter, IoOptions, NestApplication, NestFactory
from app.modules import create_app_module
from app.services.channel_service import ChannelService
from app.services.message_service import MessageService
from app.services.writes.group_commit import MAX_ITEMS
from bench.databases import DATABASES, MeasuredDatabase, fresh_database

SENDERS = (1, 16, 256)
MEMBERS = 10
"""The number of members of each channel. A message has nine recipients."""

ROUNDS = 3
SECONDS = 4.0
_WARM_UP_SECONDS = 1.0
_CONTENT = "What people write to each other is about as long as this sentence."


@dataclass(frozen=True, slots=True)
class Stored:
    """The result of one measurement.

    Attributes:
        per_second: Acknowledged messages per second.
        our_us: CPU time of this process per message, in microseconds.
        database_us: CPU time of the database server per message, in microseconds.
        latency_ms: The median time until an acknowledgement.
    """

    per_second: float
    our_us: float
    database_us: float
    latency_ms: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """The medians of the rounds, for one database and one number of senders."""

    database: str
    senders: int
    grouped: Stored
    single: Stored

    @property
    def times(self) -> float:
        """Return the rate with group commits, divided by the rate of single commits."""
        return self.grouped.per_second / self.single.per_second

    def row(self) -> str:
        """Return a line of the table."""
        cells = [self.database, str(self.senders)]
        for each in (self.single, self.grouped):
            cells += [
                f"{each.per_second:,.0f}",
                f"{each.our_us:,.0f} + {each.database_us:,.0f}",
                f"{each.latency_ms:.1f}",
            ]
        return "| " + " | ".join([*cells, f"{self.times:.1f}"]) + " |"


HEADING = (
    "| database | senders | one by one: messages/s | CPU µs, ours + server's | ms "
    "| in groups: messages/s | CPU µs | ms | times as many |\n"
    "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
)


def compare(rounds: int = ROUNDS, seconds: float = SECONDS) -> Iterator[Comparison]:
    """Measure each database with each number of senders, with group commits and one by one."""
    for name in DATABASES:
        for senders in SENDERS:
            found: dict[int, list[Stored]] = {1: [], MAX_ITEMS: []}
            for _ in range(rounds):
                for batch, readings in found.items():
                    with fresh_database(name) as database:
                        readings.append(asyncio.run(_measure(database, senders, batch, seconds)))
            yield Comparison(name, senders, _median(found[MAX_ITEMS]), _median(found[1]))


async def _measure(database: MeasuredDatabase, senders: int, batch: int, seconds: float) -> Stored:
    """Run ``senders`` users. Each sends a message as soon as the previous one is acknowledged."""
    with TemporaryDirectory() as folder:
        module = create_app_module(Settings(database_url=database.url, data_dir=Path(folder)))
        chat = module.chat()
        chat.message_service.add_kwargs(max_batch=batch)
        app = NestFactory.create(module, IoAdapter(IoOptions()))
        try:
            await app.init()
            return await _send(app, database, senders, seconds)
        finally:
            await app.close()


async def _send(
    app: NestApplication, database: MeasuredDatabase, senders: int, seconds: float
) -> Stored:
    places = [(UserId(f"user_{n}"), ChannelId(f"channel_{n // MEMBERS}")) for n in range(senders)]
    await app.get(ChannelService).seed(
        {
            UserId(f"user_{n}"): (ChannelId(f"channel_{n // MEMBERS}"),)
            for n in range(-(-senders // MEMBERS) * MEMBERS)
        }
    )
    messages = app.get(MessageService)
    waits: list[float] = []
    is_over = False

    async def send_on(user_id: UserId, channel_id: ChannelId) -> None:
        number = 0
        while not is_over:
            began = time.perf_counter()
            number += 1
            await messages.send(user_id, channel_id, _CONTENT, ClientMessageId(str(number)))
            waits.append(time.perf_counter() - began)

    people = [asyncio.create_task(send_on(*place)) for place in places]
    await asyncio.sleep(_WARM_UP_SECONDS)
    waits.clear()
    ours, theirs, began = time.process_time(), database.cpu_seconds(), time.perf_counter()
    await asyncio.sleep(seconds)
    count = len(waits)
    passed = time.perf_counter() - began
    ours, theirs = time.process_time() - ours, database.cpu_seconds() - theirs
    is_over = True
    await asyncio.gather(*people)
    return Stored(
        per_second=count / passed,
        our_us=1e6 * ours / count,
        database_us=1e6 * theirs / count,
        latency_ms=1e3 * statistics.median(waits),
    )


def _median(found: list[Stored]) -> Stored:
    return Stored(
        *(
            statistics.median(getattr(each, name) for each in found)
            for name in ("per_second", "our_us", "database_us", "latency_ms")
        )
    )
