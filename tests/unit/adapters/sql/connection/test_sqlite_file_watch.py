import logging
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from app.adapters.sql.connection.sqlite import enable_wal
from app.adapters.sql.connection.sqlite_file_watch import SqliteFileWatch

LOGGER = "app.adapters.sql.connection.sqlite_file_watch"


def make_database(file: Path) -> Path:
    """A database in WAL mode, with a table."""
    file.parent.mkdir(exist_ok=True)
    enable_wal(file, lock_timeout_seconds=1)
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("CREATE TABLE something (id)")
    return file


@pytest.fixture
def file(file: Path) -> Path:
    """A database that is there already."""
    return make_database(file)


@pytest.fixture
def held(file: Path) -> Iterator[SqliteFileWatch]:
    """Its files, held."""
    held = SqliteFileWatch()
    held.hold(file)
    yield held
    held.release()


def test_files_are_in_place_when_others_come_and_go(held: SqliteFileWatch, file: Path) -> None:
    """Other connections that write and close take neither log nor index away."""
    for _ in range(2):
        with closing(sqlite3.connect(file)) as connection, connection:
            connection.execute("INSERT INTO something VALUES (1)")

    assert held.are_in_place()


def test_files_are_in_place_when_none_are_held() -> None:
    """A server's database has none."""
    assert SqliteFileWatch().are_in_place()


@pytest.mark.parametrize("suffix", ["", "-wal", "-shm"])
def test_files_are_not_in_place_when_one_is_deleted(
    held: SqliteFileWatch, file: Path, suffix: str
) -> None:
    """Each is needed: what is committed stands in the log first."""
    file.with_name(f"{file.name}{suffix}").unlink()

    assert not held.are_in_place()


def test_files_are_not_in_place_when_one_is_replaced(
    held: SqliteFileWatch, file: Path, tmp_path: Path
) -> None:
    """A database restored from a backup under a running server is not the one it writes to."""
    make_database(tmp_path / "backup.db").replace(file)

    assert not held.are_in_place()


def test_files_are_not_in_place_when_their_folder_is_moved(
    held: SqliteFileWatch, file: Path
) -> None:
    """Nor when a file stands where the folder was."""
    file.parent.rename(file.parent.with_name("moved"))
    file.parent.touch()

    assert not held.are_in_place()


@pytest.mark.parametrize("lost", ["link.db", "data/chat.db-wal"])
def test_files_are_not_in_place_when_they_are_lost_behind_a_link(
    file: Path, tmp_path: Path, lost: str
) -> None:
    """The link itself counts, and so does what stands beside its target."""
    link = tmp_path / "link.db"
    link.symlink_to(file)
    held = SqliteFileWatch()
    held.hold(link)

    before = held.are_in_place()
    (tmp_path / lost).unlink()
    after = held.are_in_place()
    held.release()

    assert (True, False) == (before, after)


def test_change_is_logged_once_when_it_is_asked_about_again(
    held: SqliteFileWatch, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """With the mend; moved back and away again is another change."""
    elsewhere = file.with_name("elsewhere.db")
    answers = []

    for _ in range(2):
        file.rename(elsewhere)
        answers += [held.are_in_place(), held.are_in_place()]
        elsewhere.rename(file)
        answers += [held.are_in_place()]

    expected = (
        f"{file} was deleted or replaced while in use: nothing is read or stored any more; "
        "put it back if it was moved, and restart the server"
    )
    assert [False, False, True] * 2 == answers
    assert [(LOGGER, logging.ERROR, expected)] * 2 == caplog.record_tuples
