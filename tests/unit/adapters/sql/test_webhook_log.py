import pytest
from sqlalchemy import text

from app.adapters.sql.connection.database import Database
from app.adapters.sql.webhook_log import SqlWebhookLog
from tests.doubles.manual_clock import ManualClock


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def log(database: Database, clock: ManualClock) -> SqlWebhookLog:
    return SqlWebhookLog(database, clock)


async def test_message_is_contained_when_another_process_dealt_with_it(
    log: SqlWebhookLog, database: Database, clock: ManualClock
) -> None:
    await SqlWebhookLog(database, clock).add("msg_1", ttl_seconds=60)

    assert await log.contains("msg_1")
    assert not await log.contains("msg_2")


async def test_message_is_forgotten_when_its_time_is_over(
    log: SqlWebhookLog, clock: ManualClock
) -> None:
    await log.add("msg_1", ttl_seconds=60)

    clock.advance(59.999)
    until_the_end = await log.contains("msg_1")
    clock.advance(1)

    assert (True, False) == (until_the_end, await log.contains("msg_1"))


@pytest.mark.parametrize("lives", [(10, 60), (60, 10)])
async def test_message_is_remembered_until_the_later_end_when_it_is_added_twice(
    log: SqlWebhookLog, clock: ManualClock, lives: tuple[int, int]
) -> None:
    """The later expiry counts, in whatever order the two additions come."""
    for ttl_seconds in lives:
        await log.add("msg_1", ttl_seconds)

    clock.advance(59)

    assert await log.contains("msg_1")


async def test_expired_messages_are_deleted_when_another_is_added(
    log: SqlWebhookLog, database: Database, clock: ManualClock
) -> None:
    await log.add("msg_1", ttl_seconds=1)
    clock.advance(2)

    await log.add("msg_2", ttl_seconds=1)

    async with database.reading() as connection:
        rows = await connection.execute(text("SELECT id FROM webhook_messages"))
        assert ["msg_2"] == [row.id for row in rows]
