import logging
import sqlite3

import pytest
from sqlalchemy.exc import DBAPIError, InterfaceError

from app.adapters.sql.connection.circuit_breaker import CircuitBreaker
from app.adapters.sql.connection.failures import translated_failures
from app.domain.errors import NotAMember, StorageRejected, Unavailable, Unconfirmed

SECRET = "what-alice-wrote-to-bob"


class DriverError(Exception):
    """As PostgreSQL's driver raises it."""

    def __init__(self, sqlstate: str) -> None:
        self.sqlstate = sqlstate
        super().__init__(SECRET)


def an_open_gate() -> CircuitBreaker:
    """That nothing here closes: all fails quickly."""

    async def look() -> None:
        raise AssertionError

    return CircuitBreaker(look)


def refusal(failure: Exception, *, commits: bool) -> Unavailable:
    """What a failure becomes, before the commit or in it."""

    def fail() -> None:
        with translated_failures(an_open_gate()) as operation:
            operation.commits = commits
            raise failure

    with pytest.raises(Unavailable) as caught:
        fail()
    return caught.value


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
    """The answer is missing; before the commit it is certain that nothing is stored."""
    wrapped = DBAPIError("COMMIT", None, failure) if isinstance(failure, DriverError) else failure

    assert Unavailable is type(refusal(wrapped, commits=False))
    assert Unconfirmed is type(refusal(wrapped, commits=True))


def sqlite_error(name: str) -> sqlite3.Error:
    """As SQLite itself raises it."""
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
    """SQLite by any error, PostgreSQL by a constraint or a conflict."""
    assert expected is type(refusal(DBAPIError("COMMIT", None, failure), commits=True))


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
    """Then something else may well be stored; else it would fail likewise."""
    wrapped = DBAPIError("INSERT", None, failure)

    assert expected is type(refusal(wrapped, commits=False))


def test_a_failure_is_unconfirmed_when_sqlite_could_not_sync_the_commit() -> None:
    """It may stand in the log all the same, and be found there after a crash."""
    failure = sqlite_error("SQLITE_IOERR_FSYNC")

    assert Unconfirmed is type(refusal(DBAPIError("COMMIT", None, failure), commits=True))


def test_a_domain_error_passes_when_it_is_raised_inside() -> None:
    """It is an answer, not a failure."""
    with pytest.raises(NotAMember), translated_failures(an_open_gate()):
        raise NotAMember


def test_a_failure_is_logged_by_name_when_it_is_translated(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Never with the driver's text."""
    caplog.set_level(logging.DEBUG)

    refusal(DBAPIError("INSERT", None, DriverError("23505")), commits=False)

    assert ["the database failed: DriverError"] == caplog.messages
