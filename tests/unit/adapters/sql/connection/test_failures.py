import logging
import sqlite3
import time

import pytest
from sqlalchemy.exc import DBAPIError, InterfaceError

from app.adapters.sql.connection.failures import SLOW_SECONDS, translated_failures
from app.concurrency.circuit_breaker import CircuitBreaker
from app.domain.errors import NotAMember, StorageRejected, Unavailable, Unconfirmed

SECRET = "what-alice-wrote-to-bob"


class DriverError(Exception):
    """An error that PostgreSQL reports through its driver."""

    def __init__(self, sqlstate: str) -> None:
        self.sqlstate = sqlstate
        super().__init__(SECRET)


def translated(
    failure: Exception,
    *,
    commits: bool = False,
    breaker: CircuitBreaker | None = None,
    seconds: float = 0.0,
) -> Unavailable:
    """Return what is raised for a failure, before the commit or in it, after some seconds."""

    def fail() -> None:
        with translated_failures(breaker) as operation:
            operation.commits = commits
            operation.has_turn_since = time.monotonic() - seconds
            raise failure

    with pytest.raises(Unavailable) as caught:
        fail()
    return caught.value


def a_circuit_breaker() -> CircuitBreaker:
    async def probe() -> None:
        pass

    return CircuitBreaker("database", probe, retry_seconds=1.0)


@pytest.mark.parametrize(
    "failure",
    [
        TimeoutError(),
        ConnectionResetError(),
        DriverError("57P01"),
        InterfaceError("COMMIT", None, ConnectionResetError()),
    ],
)
def test_a_failure_is_unconfirmed_when_it_meets_the_commit(failure: Exception) -> None:
    """Before the commit, the same failure means that nothing is stored."""
    wrapped = DBAPIError("COMMIT", None, failure) if isinstance(failure, DriverError) else failure

    assert Unavailable is type(translated(wrapped))
    assert Unconfirmed is type(translated(wrapped, commits=True))


def sqlite_error(name: str) -> sqlite3.Error:
    """An error that SQLite itself reports, with its name."""
    failure = sqlite3.OperationalError(SECRET)
    failure.sqlite_errorname = name
    return failure


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
    """That is any error of SQLite, and a constraint or a conflict of PostgreSQL."""
    assert expected is type(translated(DBAPIError("COMMIT", None, failure), commits=True))


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
    """`StorageRejected` means that other data could be stored."""
    wrapped = DBAPIError("INSERT", None, failure)

    assert expected is type(translated(wrapped))


def test_a_failure_is_unconfirmed_when_sqlite_could_not_sync_the_commit() -> None:
    """The commit may be in the write-ahead log, and be recovered from it after a crash."""
    failure = sqlite_error("SQLITE_IOERR_FSYNC")

    assert Unconfirmed is type(translated(DBAPIError("COMMIT", None, failure), commits=True))


def test_a_domain_error_passes_when_it_is_raised_inside() -> None:
    with pytest.raises(NotAMember), translated_failures(None):
        raise NotAMember


def test_a_failure_is_logged_by_name_when_it_is_translated(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The text of the driver, which may contain messages, is not logged."""
    caplog.set_level(logging.DEBUG)

    translated(DBAPIError("INSERT", None, DriverError("23505")))

    assert ["the database failed: DriverError"] == caplog.messages


@pytest.mark.parametrize(
    ("failure", "opens_linked"),
    [(DriverError("55P03"), False), (ConnectionResetError(), True)],
    ids=["an error that the server reports", "no answer from the server"],
)
async def test_a_slow_failure_opens_the_linked_circuit_breaker_when_the_server_did_not_answer(
    failure: Exception,
    opens_linked: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """A server that reports an error to a writer may still answer readers."""
    writing, reading = a_circuit_breaker(), a_circuit_breaker()
    writing.linked = reading

    translated(InterfaceError("SELECT", None, failure), breaker=writing, seconds=2 * SLOW_SECONDS)

    assert not writing.is_closed
    assert opens_linked is not reading.is_closed
    await writing.stop()
    await reading.stop()


async def test_a_failure_leaves_the_circuit_breaker_closed_when_it_was_quick() -> None:
    breaker = a_circuit_breaker()

    translated(ConnectionResetError(), breaker=breaker, seconds=SLOW_SECONDS / 2)

    assert breaker.is_closed
