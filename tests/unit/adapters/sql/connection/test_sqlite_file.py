import os
from pathlib import Path

import pytest

from app.adapters.sql.connection.opening import DatabaseOpenError
from app.adapters.sql.connection.sqlite_file import sqlite_server_lock


def test_lock_is_refused_when_a_server_has_it(file: Path) -> None:
    """The error names the process id of the other server."""
    with (
        sqlite_server_lock(file),
        pytest.raises(DatabaseOpenError, match=rf"already \(process {os.getpid()}\)"),
        sqlite_server_lock(file),
    ):
        pass


def test_lock_is_free_when_its_server_has_ended(file: Path) -> None:
    """A lock file that an earlier server left behind does not lock the database."""
    for _ in range(2):
        with sqlite_server_lock(file):
            assert str(os.getpid()) == file.with_name("chat.db.server").read_text()
