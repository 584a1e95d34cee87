"""Tests reports that the database rejects. Module: app/adapters/sql/deliveries/repository.py."""

from app.adapters.sql.connection.database import Database
from app.domain.delivery import DeliveryState
from app.domain.errors import StorageRejected
from app.ports import Advance, Report
from tests.contract.storage import (
    ALICE,
    BOB,
    CAROL,
    GENERAL,
    MEMBERSHIP,
    UNHURRIED,
    add,
    draft,
    opened,
    sql_storage,
)
from tests.doubles.manual_clock import DEFAULT_START as NOW

READ = DeliveryState.READ
REJECT_CAROL = (
    """
    CREATE FUNCTION reject() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION 'rejected' USING ERRCODE = 'check_violation'; END $$
    """,
    f"""
    CREATE TRIGGER reject BEFORE INSERT ON message_receipts
    FOR EACH ROW WHEN (NEW.recipient_id = '{CAROL}') EXECUTE FUNCTION reject()
    """,
)
"""A trigger of an operator, which rejects Carol's receipts."""


async def test_only_the_rejected_report_fails_when_reports_are_out_of_order(
    postgres_url: str,
) -> None:
    """Bob and Carol have reported the second message, and then report the first."""
    async with opened(Database(postgres_url, migrate=False, limits=UNHURRIED)) as database:
        storage = sql_storage(database)
        await storage.channels.seed(MEMBERSHIP)
        first, second = [await add(storage, draft(ALICE, GENERAL)) for _ in range(2)]
        reporters = (BOB, CAROL)
        await storage.deliveries.advance_all(
            [Report(second.id, each, READ) for each in reporters], NOW
        )
        async with database.transaction() as connection:
            for statement in REJECT_CAROL:
                await connection.exec_driver_sql(statement)

        outcomes = await storage.deliveries.advance_all(
            [Report(first.id, each, READ) for each in reporters], NOW
        )

    assert [Advance, StorageRejected] == list(map(type, outcomes))
