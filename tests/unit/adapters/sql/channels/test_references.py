import pytest
from sqlalchemy import text

from app.adapters.sql.channels.repository import SqlChannelRepository
from app.adapters.sql.connection.database import Database
from app.domain.errors import ChannelInUse
from tests.contract.storage import ALICE, BOB, GENERAL, MEMBERSHIP, RANDOM

DRAFTS = (
    'CREATE TABLE "channel Drafts" (id TEXT PRIMARY KEY, '
    '"channelId" TEXT REFERENCES channels (id) {rule})'
)
NAMED_DRAFTS = (
    "CREATE TABLE drafts (name TEXT, channel TEXT, "
    "FOREIGN KEY (name, channel) REFERENCES channels (name, id))"
)
OF_GENERAL = "INSERT INTO \"channel Drafts\" VALUES ('draft', 'general')"


@pytest.fixture(params=["sqlite", "own_postgres"])
def database(request: pytest.FixtureRequest) -> Database:
    """A migrated and open database, on SQLite and on PostgreSQL; a test may alter its tables."""
    database: Database = request.getfixturevalue(f"{request.param}_database")
    return database


@pytest.fixture
async def channels(database: Database) -> SqlChannelRepository:
    """A channel repository with the users and channels of the contract tests."""
    channels = SqlChannelRepository(database)
    await channels.seed(MEMBERSHIP)
    return channels


async def execute(database: Database, *statements: str) -> None:
    """Run statements as another application would."""
    async with database.transaction() as connection:
        for statement in statements:
            await connection.execute(text(statement))


@pytest.mark.parametrize("rule", ["ON DELETE RESTRICT", "ON DELETE NO ACTION", ""])
async def test_channel_stays_as_it_is_when_a_row_would_keep_it(
    database: Database, channels: SqlChannelRepository, rule: str
) -> None:
    """The error names the referring table; memberships stay, and other channels can be deleted."""
    await execute(database, DRAFTS.format(rule=rule), OF_GENERAL)

    with pytest.raises(ChannelInUse, match="table channel Drafts refers"):
        await channels.remove_members(GENERAL)

    assert await channels.is_member(GENERAL, BOB)
    assert {ALICE, BOB} == await channels.remove_members(RANDOM)


async def test_channel_stays_when_a_row_keeps_it_by_a_key_of_several_columns(
    database: Database, channels: SqlChannelRepository
) -> None:
    """The column with the channel's id is found in a foreign key of several columns."""
    await execute(
        database,
        "CREATE UNIQUE INDEX channel_names ON channels (name, id)",
        NAMED_DRAFTS,
        "INSERT INTO drafts VALUES ('general', 'general')",
    )

    with pytest.raises(ChannelInUse, match="table drafts refers"):
        await channels.remove_members(GENERAL)

    assert {ALICE, BOB} == await channels.remove_members(RANDOM)


async def test_channel_is_deleted_when_its_last_reference_is_gone(
    database: Database, channels: SqlChannelRepository
) -> None:
    await execute(database, DRAFTS.format(rule=""), OF_GENERAL)
    with pytest.raises(ChannelInUse):
        await channels.remove_members(GENERAL)
    await execute(database, 'DROP TABLE "channel Drafts"')

    await channels.remove_members(GENERAL)
    await channels.delete(GENERAL)

    assert (RANDOM,) == await channels.channels_of(BOB)


@pytest.mark.parametrize("rule", ["ON DELETE CASCADE", "ON DELETE SET NULL"])
async def test_channel_is_deleted_when_what_refers_to_it_lets_it_go(
    database: Database, channels: SqlChannelRepository, rule: str
) -> None:
    """Foreign keys with CASCADE or SET NULL do not prevent the deletion."""
    await execute(database, DRAFTS.format(rule=rule), OF_GENERAL)

    await channels.remove_members(GENERAL)
    await channels.delete(GENERAL)

    assert (RANDOM,) == await channels.channels_of(BOB)
