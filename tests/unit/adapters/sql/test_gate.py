import asyncio
from time import monotonic

import pytest

from app.adapters.sql.database import Database
from app.adapters.sql.gate import RETRY_SECONDS, SLOW_SECONDS, Gate
from app.adapters.sql.limits import ANSWER_SECONDS
from app.domain.errors import Unavailable
from tests.postgres_server import PostgresServer
from tests.unit.adapters.sql.insisting import insist


async def count(database: Database) -> None:
    """Something to ask."""
    async with database.asking() as connection:
        await connection.exec_driver_sql("SELECT count(*) FROM users")


async def test_one_waits_and_the_others_are_refused_when_the_database_is_frozen(
    postgres_database: Database, postgres_server: PostgresServer
) -> None:
    """A client's tenth event is answered with the first, and not ten times as late."""
    await count(postgres_database)
    with postgres_server.frozen():
        began = monotonic()
        for _ in range(10):
            with pytest.raises(Unavailable):
                await count(postgres_database)
        took = monotonic() - began

    await insist(lambda: count(postgres_database))
    await count(postgres_database)
    assert took < ANSWER_SECONDS + RETRY_SECONDS


async def test_nobody_is_refused_when_failures_come_at_once(
    postgres_database: Database, postgres_server: PostgresServer
) -> None:
    """There is nothing to wait for, so everybody may try; who comes first when it is back is in."""
    await count(postgres_database)
    await asyncio.to_thread(postgres_server.stop)
    try:
        for _ in range(3):
            with pytest.raises(Unavailable):
                await count(postgres_database)
    finally:
        await asyncio.to_thread(postgres_server.start_again)

    await count(postgres_database)


def test_gate_is_open_when_a_failure_was_quick() -> None:
    """Only what is slow is worth refusing."""
    gate = Gate()

    gate.failed(SLOW_SECONDS)

    gate.enter()


def test_gate_refuses_until_somebody_has_succeeded_when_a_failure_was_slow() -> None:
    """Then everybody may enter."""
    gate = Gate()
    gate.failed(SLOW_SECONDS * 2)

    with pytest.raises(Unavailable):
        gate.enter()
    gate.succeeded()

    gate.enter()
