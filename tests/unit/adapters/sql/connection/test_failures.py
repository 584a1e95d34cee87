import sqlite3

import pytest
from sqlalchemy.exc import DBAPIError, InterfaceError

from app.adapters.sql.connection.failures import domain_error, failure_name, open_if_slow
from app.adapters.sql.connection.limits import SLOW_SECONDS
from app.concurrency.circuit_breaker import CircuitBreaker
from app.domain.errors import StorageRejected, Unavailable, Unconfirmed

SECRET = "what-alice-wrote-to-bob"


class DriverError(Exception):
    """An error that PostgreSQL reports through its driver."""

    def __init__(self, sqlstate: str) -> None:
        self.sqlstate = sqlstate
        super().__init__(SECRET)


def sqlite_error(name: str) -> sqlite3.Error:
    """An error that SQLite itself reports, with its name."""
    failure = sqlite3.OperationalError(SECRET)
    failure.sqlite_errorname = name
    return failure


def a_circuit_breaker() -> CircuitBreaker:
    async def probe() -> None:
        pass

    return CircuitBreaker("database", probe, retry_seconds=1.0)


@pytest.mark.parametrize(
    "failure",
    [
        TimeoutError(),
        ConnectionResetError(),
        DBAPIError("COMMIT", None, DriverError("57P01")),
        InterfaceError("COMMIT", None, ConnectionResetError()),
    ],
)
def test_a_failure_is_unconfirmed_when_it_meets_the_commit(failure: Exception) -> None:
    """A lost connection before the commit means that nothing is stored."""
    assert Unavailable is type(domain_error(failure, commits=False))
    assert Unconfirmed is type(domain_error(failure, commits=True))


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        (sqlite_error("SQLITE_FULL"), Unavailable),
        (sqlite_error("SQLITE_CONSTRAINT_TRIGGER"), StorageRejected),
        (DriverError("23505"), StorageRejected),
        (DriverError("40001"), Unavailable),
    ],
)
def test_a_failure_is_certain_when_the_database_itself_refuses_the_commit(
    failure: Exception, expected: type[Unavailable]
) -> None:
    """A commit has failed for certain if SQLite or PostgreSQL itself reports the error."""
    assert expected is type(domain_error(DBAPIError("COMMIT", None, failure), commits=True))


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        (DriverError("22P05"), StorageRejected),
        (DriverError("54000"), StorageRejected),
        (DriverError("P0001"), StorageRejected),
        (DriverError("55P03"), Unavailable),
        (DriverError("42501"), Unavailable),
        (sqlite_error("SQLITE_TOOBIG"), StorageRejected),
        (sqlite_error("SQLITE_BUSY"), Unavailable),
    ],
)
def test_a_failure_is_a_rejection_when_it_is_about_what_was_to_be_stored(
    failure: Exception, expected: type[Unavailable]
) -> None:
    """`StorageRejected` means that the database rejected this data, but could store other data."""
    assert expected is type(domain_error(DBAPIError("INSERT", None, failure), commits=False))


def test_a_failure_is_unconfirmed_when_sqlite_could_not_sync_the_commit() -> None:
    """After a crash, SQLite may recover the commit from the write-ahead log."""
    failure = sqlite_error("SQLITE_IOERR_FSYNC")

    assert Unconfirmed is type(domain_error(DBAPIError("COMMIT", None, failure), commits=True))


def test_the_name_of_a_failure_contains_no_text_of_the_driver() -> None:
    failure = DBAPIError("INSERT", None, DriverError("23505"))

    assert "DriverError" == failure_name(failure)


@pytest.mark.parametrize(
    ("failure", "linked_stays_closed"),
    [(DriverError("55P03"), True), (ConnectionResetError(), False)],
    ids=["an error that the server reports", "no answer from the server"],
)
async def test_a_slow_failure_opens_the_linked_circuit_breaker_when_the_server_did_not_answer(
    failure: Exception,
    linked_stays_closed: bool,  # noqa: FBT001 - parametrized
) -> None:
    """A server that reports an error to a writer may still answer readers."""
    writing, reading = a_circuit_breaker(), a_circuit_breaker()

    open_if_slow(writing, reading, 2 * SLOW_SECONDS, InterfaceError("SELECT", None, failure))

    assert not writing.is_closed
    assert linked_stays_closed is reading.is_closed
    await writing.stop()
    await reading.stop()


async def test_a_failure_leaves_the_circuit_breaker_closed_when_it_was_quick() -> None:
    breaker = a_circuit_breaker()

    open_if_slow(breaker, None, SLOW_SECONDS / 2, ConnectionResetError())

    assert breaker.is_closed
