import pytest
from sqlalchemy import Select, TextualSelect, literal_column, select, text

from app.adapters.sql.connection.database import Database
from app.adapters.sql.schema.dialects import EARLIEST, UtcTimestamp


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest) -> Database:
    """A migrated and open database, on SQLite and on PostgreSQL."""
    database: Database = request.getfixturevalue(f"{request.param}_database")
    return database


@pytest.mark.parametrize(
    "query",
    [
        select(literal_column("NULL", UtcTimestamp)),
        text("SELECT NULL AS moment").columns(moment=UtcTimestamp),
    ],
    ids=["built", "text"],
)
async def test_null_is_read_as_the_earliest_time(
    database: Database, query: Select[tuple[object]] | TextualSelect
) -> None:
    """PostgreSQL replaces NULL in queries that SQLAlchemy builds, and Python in other queries."""
    async with database.reading() as connection:
        assert EARLIEST == await connection.scalar(query)
