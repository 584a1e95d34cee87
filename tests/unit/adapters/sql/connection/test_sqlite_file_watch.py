"""Tests `SqliteFileWatch` of app/adapters/sql/connection/sqlite.py."""

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from app.adapters.sql.connection.sqlite import SqliteFileWatch
from app.adapters.sql.connection.sqlite_file import prepare_file

LOGGER = "app.adapters.sql.connection.sqlite"


def make_database(file: Path) -> Path:
    """Create a database in WAL mode, with a table."""
    prepare_file(file, lock_timeout_seconds=1)
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("CREATE TABLE something (id)")
    return file


@pytest.fixture
def file(file: Path) -> Path:
    return make_database(file)


@pytest.fixture
def watch(file: Path) -> Iterator[SqliteFileWatch]:
    watch = SqliteFileWatch()
    watch.open(file)
    yield watch
    watch.close()


def test_files_are_in_place_when_others_come_and_go(watch: SqliteFileWatch, file: Path) -> None:
    """Other connections do not remove the write-ahead log or its index when they close."""
    for _ in range(2):
        with closing(sqlite3.connect(file)) as connection, connection:
            connection.execute("INSERT INTO something VALUES (1)")

    assert watch.is_in_place()


@pytest.mark.parametrize("suffix", ["", "-wal", "-shm"])
def test_files_are_not_in_place_when_one_is_deleted(
    watch: SqliteFileWatch, file: Path, suffix: str
) -> None:
    file.with_name(f"{file.name}{suffix}").unlink()

    assert not watch.is_in_place()


def test_files_are_not_in_place_when_one_is_replaced(
    watch: SqliteFileWatch, file: Path, tmp_path: Path
) -> None:
    """The server does not write to a file that was restored from a backup while it runs."""
    make_database(tmp_path / "backup.db").replace(file)

    assert not watch.is_in_place()


def test_files_are_not_in_place_when_their_folder_is_moved(
    watch: SqliteFileWatch, file: Path
) -> None:
    """A new file at the old path of the folder does not count as the database."""
    file.parent.rename(file.parent.with_name("moved"))
    file.parent.touch()

    assert not watch.is_in_place()


@pytest.mark.parametrize("lost", ["link.db", "data/chat.db-wal"])
def test_files_are_not_in_place_when_they_are_lost_behind_a_link(
    file: Path, tmp_path: Path, lost: str
) -> None:
    """Deleting the symbolic link is detected, and so is deleting the log next to its target."""
    link = tmp_path / "link.db"
    link.symlink_to(file)
    watch = SqliteFileWatch()
    watch.open(link)

    before = watch.is_in_place()
    (tmp_path / lost).unlink()
    after = watch.is_in_place()
    watch.close()

    assert (True, False) == (before, after)


def test_change_is_logged_once_when_it_is_asked_about_again(
    watch: SqliteFileWatch, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Moving the file back and away again is a second change, which is logged as well."""
    elsewhere = file.with_name("elsewhere.db")
    answers = []

    for _ in range(2):
        file.rename(elsewhere)
        answers += [watch.is_in_place(), watch.is_in_place()]
        elsewhere.rename(file)
        answers += [watch.is_in_place()]

    expected = (
        f"{file} was deleted or replaced while in use: nothing is read or stored any more; "
        "put it back if it was moved, and restart the server"
    )
    assert [False, False, True] * 2 == answers
    assert [(LOGGER, logging.ERROR, expected)] * 2 == caplog.record_tuples


def test_watch_stays_closed_when_it_is_opened_after_it_was_closed(file: Path) -> None:
    """A cancelled caller's thread may run `open` after `close`. It must not connect then."""
    watch = SqliteFileWatch()
    watch.close()

    watch.open(file)

    assert watch._connection is None
