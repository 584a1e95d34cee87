"""Tests two servers that write to one PostgreSQL database at the same time (app/adapters/sql/)."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta

import pytest
from sqlalchemy import text

from app.adapters.sql.connection.database import Database
from app.domain.delivery import DeliveryState, overall_state
from app.domain.ids import ChannelId, MessageId, UserId
from app.ports import Advance, Report, StoredMessage
from tests.contract.storage import UNHURRIED, Storage, draft, opened, sql_storage
from tests.doubles.manual_clock import DEFAULT_START as NOW
from tests.postgres_server import PostgresServer

ORDER = [DeliveryState.SENT, DeliveryState.DELIVERED, DeliveryState.READ]
USERS = [UserId(f"user_{number}") for number in range(6)]
CHANNELS = [ChannelId(f"channel_{number}") for number in range(3)]
WORKERS = 8
ROUNDS = 12
DEADLOCKS = "SELECT deadlocks FROM pg_stat_database WHERE datname = 'chat'"
RANGES = text("SELECT channel_id, user_id, first_seq, end_seq FROM delivered_ranges ORDER BY 1,2,3")


@pytest.fixture
async def servers(postgres_url: str) -> AsyncIterator[list[Database]]:
    """Two open databases at one URL."""
    async with (
        opened(Database(postgres_url, migrate=False, limits=UNHURRIED)) as one,
        opened(Database(postgres_url, migrate=False, limits=UNHURRIED)) as other,
    ):
        yield [one, other]


class Traffic:
    """The messages and reports that all workers have sent so far."""

    def __init__(self) -> None:
        self.authors: dict[MessageId, UserId] = {}
        self.numbers: dict[ChannelId, list[int]] = {channel_id: [] for channel_id in CHANNELS}
        self.reached: dict[tuple[MessageId, UserId], DeliveryState] = {}

    async def work(self, storage: Storage, dice: random.Random) -> None:
        """Alternately send a batch of messages, and report a batch of receipts."""
        for _ in range(ROUNDS):
            await self._send(storage, dice)
            await self._report(storage, dice)

    async def _send(self, storage: Storage, dice: random.Random) -> None:
        drafts = [
            draft(dice.choice(USERS), dice.choice(CHANNELS), client_message_id=client_message_id)
            for client_message_id in (None, f"c-{dice.randrange(50)}")
            for _ in range(dice.randint(1, 3))
        ]
        for added in await storage.messages.add_all(drafts, NOW):
            # A repeated client message id is rejected if its content or channel differs.
            if isinstance(added, StoredMessage) and added.is_new:
                self.authors[added.message.id] = added.message.user_id
                self.numbers[added.message.channel_id].append(added.message.seq)

    async def _report(self, storage: Storage, dice: random.Random) -> None:
        latest = list(self.authors)[-12:]
        pairs = [(dice.choice(latest), dice.choice(USERS)) for _ in range(dice.randint(1, 8))]
        reports = [
            Report(*pair, dice.choice(ORDER[1:]))
            for pair in pairs
            if pair[1] != self.authors[pair[0]]
        ]
        outcomes = await storage.deliveries.advance_all(reports, NOW + timedelta(seconds=1))
        for report, outcome in zip(reports, outcomes, strict=True):
            assert isinstance(outcome, Advance)
            pair = (report.message_id, report.recipient_id)
            before = self.reached.get(pair, DeliveryState.SENT)
            self.reached[pair] = max(before, report.state, key=ORDER.index)


def covered(ranges: Sequence[tuple[int, int]]) -> set[int]:
    """Return the numbers in any of the ranges."""
    return {number for first, end in ranges for number in range(first, end)}


async def test_nothing_is_lost_when_two_servers_store_for_the_same_users_at_once(
    servers: list[Database], postgres_server: PostgresServer
) -> None:
    """Numbers have no gap, states and ranges agree with the reports, and nothing deadlocks."""
    storages = [sql_storage(server) for server in servers]
    await storages[0].channels.seed(dict.fromkeys(USERS, CHANNELS))
    traffic = Traffic()

    await asyncio.gather(
        *(
            traffic.work(storages[number % 2], random.Random(number))  # noqa: S311 - not a secret
            for number in range(WORKERS)
        )
    )

    async with servers[0].reading() as connection:
        ranges = (await connection.execute(RANGES)).all()
    for channel_id in CHANNELS:
        stored = await storages[1].messages.stored_after(channel_id, 0, 10_000)
        seqs = list(range(1, len(stored) + 1))
        assert seqs == [message.seq for message in stored] == sorted(traffic.numbers[channel_id])
        done: dict[UserId, set[int]] = {user_id: set() for user_id in USERS}
        for message in stored:
            states = {
                user_id: traffic.reached.get((message.id, user_id), DeliveryState.SENT)
                for user_id in USERS
                if user_id != message.user_id
            }
            page = await storages[1].deliveries.statuses(message.id, USERS[0])
            assert states == {each.recipient_id: each.status for each in page.statuses}
            assert overall_state(states.values()) is message.delivery_status
            for user_id in USERS:
                if states.get(user_id) is not DeliveryState.SENT:
                    done[user_id].add(message.seq)
        found = {
            user_id: [
                (first, end)
                for channel, user, first, end in ranges
                if (channel, user) == (channel_id, user_id)
            ]
            for user_id in USERS
        }
        assert done == {user_id: covered(each) for user_id, each in found.items()}
        counts = [await storages[1].deliveries.undelivered_counts(each) for each in USERS]
        assert [len(seqs) - len(done[each]) for each in USERS] == [
            each.channels.get(channel_id, 0) for each in counts
        ]
    assert [["0"]] == postgres_server.execute(DEADLOCKS)
