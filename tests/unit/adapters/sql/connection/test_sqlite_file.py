import os
from pathlib import Path

import pytest

from app.adapters.sql.connection.opening import DatabaseOpenError
from app.adapters.sql.connection.sqlite_file import sqlite_server_lock


def test_mark_is_refused_when_a_server_has_it(file: Path) -> None:
    """The sentence names that server's process."""
    with (
        sqlite_server_lock(file),
        pytest.raises(DatabaseOpenError, match=rf"already \(process {os.getpid()}\)"),
        sqlite_server_lock(file),
    ):
        pass


def test_mark_is_free_when_its_server_has_ended(file: Path) -> None:
    """However often; what an earlier one left in the file does not count."""
    for _ in range(2):
        with sqlite_server_lock(file):
            assert str(os.getpid()) == file.with_name("chat.db.server").read_text()
