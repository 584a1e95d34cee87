"""Tests counts and pages of undelivered messages, with unusual ranges of delivered ones."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import count

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert

from app.adapters.sql.connection.database import Database
from app.adapters.sql.deliveries.repository import SqlDeliveryRepository
from app.adapters.sql.schema.tables import delivered_ranges, messages
from app.domain.ids import ChannelId, MessageId, UserId
from tests.contract.receipts import sent
from tests.contract.storage import ALICE, BOB, GENERAL, RANDOM, Storage, draft
from tests.doubles.manual_clock import DEFAULT_START as NOW

LAST_SEQ = 12
_numbers = count(1)


@dataclass
class Channel:
    """A reader's delivered ranges in a channel, and the numbers of deleted messages."""

    first_seqs: list[int]
    lengths: list[int]
    deleted: set[int]
    ids: dict[int, MessageId] = field(default_factory=dict)

    def ranges(self) -> list[tuple[int, int]]:
        """Return ranges that may overlap or adjoin; none contains another one."""
        ends = (first + length for first, length in zip(self.first_seqs, self.lengths, strict=True))
        return list(zip(sorted(self.first_seqs), sorted(ends), strict=True))

    def undelivered(self) -> set[MessageId]:
        delivered = {seq for first, end in self.ranges() for seq in range(first, end)}
        return {self.ids[seq] for seq in self.ids.keys() - delivered - self.deleted}


SEQS = st.integers(1, LAST_SEQ)
CHANNELS = st.lists(
    st.lists(SEQS, unique=True, max_size=LAST_SEQ).flatmap(
        lambda first_seqs: st.builds(
            Channel,
            st.just(first_seqs),
            st.lists(st.integers(1, 4), min_size=len(first_seqs), max_size=len(first_seqs)),
            st.sets(SEQS),
        )
    ),
    min_size=1,
    max_size=3,
)


async def add_ranges(
    database: Database, channel_id: ChannelId, user_id: UserId, ranges: Iterable[tuple[int, int]]
) -> None:
    rows = [
        {"channel_id": channel_id, "user_id": user_id, "first_seq": first, "end_seq": end}
        for first, end in ranges
    ]
    if rows:
        async with database.transaction() as connection:
            await connection.execute(insert(delivered_ranges), rows)


@given(channels=CHANNELS, limit=st.integers(1, 5))
@settings(
    max_examples=40,
    # All examples share one database; each uses its own reader and channels.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    deadline=None,
)
async def test_what_is_undelivered_lies_between_the_ranges_when_they_overlap_or_adjoin(
    either_database: Database, either_storage: Storage, channels: list[Channel], limit: int
) -> None:
    """Pages of any size have every undelivered message once. Counts are exact up to their limit."""
    reader = UserId(f"reader_{next(_numbers)}")
    by_id = {ChannelId(f"ranges-{next(_numbers)}"): channel for channel in channels}
    await either_storage.channels.seed({ALICE: list(by_id), reader: list(by_id)})
    drafts = [draft(channel_id=channel_id) for _ in range(LAST_SEQ) for channel_id in by_id]
    await either_storage.messages.add_all(drafts, NOW)
    for channel_id, channel in by_id.items():
        own = [each.id for each in drafts if each.channel_id == channel_id]
        channel.ids = dict(enumerate(own, start=1))
        await add_ranges(either_database, channel_id, reader, channel.ranges())
        deleted = [channel.ids[seq] for seq in channel.deleted]
        async with either_database.transaction() as connection:
            await connection.execute(delete(messages).where(messages.c.id.in_(deleted)))
    deliveries = SqlDeliveryRepository(either_database, max_counted_of_channel=limit)

    found: list[MessageId] = []
    after = 0
    while (page := await deliveries.undelivered(reader, after, limit)).positions:
        found += [message.id for message in page.messages]
        after = page.positions[-1]
    counts = await deliveries.undelivered_counts(reader)

    undelivered = {channel_id: channel.undelivered() for channel_id, channel in by_id.items()}
    everything = set().union(*undelivered.values())
    numbers = {channel_id: len(ids) for channel_id, ids in undelivered.items() if ids}
    assert [each.id for each in drafts if each.id in everything] == found
    assert {each: min(number, limit) for each, number in numbers.items()} == counts.channels
    assert any(number > limit for number in numbers.values()) == counts.more


async def test_nothing_is_undelivered_when_one_range_contains_another(
    either_database: Database, either_storage: Storage
) -> None:
    """A message after the inner range is still inside the outer range."""
    for _ in range(3):
        await sent(either_storage)
    last = await sent(either_storage)
    await add_ranges(either_database, GENERAL, BOB, [(1, 4), (2, 3)])

    page = await either_storage.deliveries.undelivered(BOB, after=0, limit=10)
    counts = await either_storage.deliveries.undelivered_counts(BOB)

    assert (last,) == page.messages
    assert {GENERAL: 1} == counts.channels


async def test_counting_stops_when_it_has_read_as_many_messages_as_it_may(
    either_database: Database, either_storage: Storage
) -> None:
    """The limit is for all of the user's present channels together."""
    for channel_id in (GENERAL, GENERAL, RANDOM):
        await sent(either_storage, channel_id=channel_id)

    limited = SqlDeliveryRepository(either_database, max_counted=2)
    at_limit = await limited.undelivered_counts(BOB)
    await either_storage.leave(RANDOM, BOB)
    exact = await SqlDeliveryRepository(either_database, max_counted=3).undelivered_counts(BOB)

    assert (2, True) == (sum(at_limit.channels.values()), at_limit.more)
    assert ({GENERAL: 2}, False) == (exact.channels, exact.more)
