"""Tests that each start error is one line with the problem and its fix."""

import os
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.e2e.server_process import CHECKOUT, ServerProcess, run_command, running
from tests.run_program import run_program

DATABASE = Path(".data", "chat.db")
ENVIRONMENT = {"PYTHONPATH": str(CHECKOUT), "PYTHONDONTWRITEBYTECODE": "1"}
OLDER_PYTHON = (
    "import runpy, sys; sys.version_info = (3, 10); runpy.run_module('app', run_name='__main__')"
)


def folder_is_a_file(folder: Path) -> None:
    """Create a file where the data folder should be."""
    (folder / ".data").write_text("")


def database_is_a_text(folder: Path) -> None:
    """Create a text file where the database should be."""
    (folder / DATABASE).parent.mkdir()
    (folder / DATABASE).write_text("not a database, " * 100)


def key_is_a_text(folder: Path) -> None:
    """Create a text file where the development issuer's key should be."""
    (folder / ".data").mkdir()
    (folder / ".data" / "development-issuer.pem").write_text("no key")


def env_file_is_no_text(folder: Path) -> None:
    (folder / ".env").write_bytes(b"\xff\xfe")


def nothing(folder: Path) -> None:
    """Prepare nothing: this case has wrong settings."""
    del folder


@pytest.mark.parametrize(
    ("prepare", "settings", "problem", "fix"),
    [
        (folder_is_a_file, {}, "folder .data cannot be used", "set DATA_DIR to another"),
        (database_is_a_text, {}, "chat.db is no SQLite database", "move the file away"),
        (key_is_a_text, {}, "development-issuer.pem does not contain an RSA", "delete the file"),
        (env_file_is_no_text, {}, ".env cannot be read", "fix the file or remove it"),
        (nothing, {"SEED_FILE": "no.json"}, "no.json cannot be used", "or name another"),
        (nothing, {"PORT": "http"}, "PORT must be", "TCP port to listen on"),
        (
            nothing,
            {"HOST": "nowhere.invalid"},
            "The host name nowhere.invalid cannot be resolved",
            "set HOST to a name or an address of this machine, such as localhost or ::1",
        ),
        (nothing, {"HOST": "192.0.2.1"}, "Cannot listen on 192.0.2.1,", "set HOST to an address"),
        (nothing, {"HOST": "2001:db8::1"}, "Cannot listen on 2001:db8::1, port ", "set HOST to"),
        (
            nothing,
            {"DATABASE_URL": "mysql://nobody:secret@127.0.0.1/none"},
            "DATABASE_URL must start with sqlite:/// or postgresql://",
            "or be memory:",
        ),
        (
            nothing,
            {"DATABASE_URL": "postgresql://nobody:secret@127.0.0.1:1/none"},
            "The database cannot be reached",
            "start it, or correct DATABASE_URL",
        ),
        (
            nothing,
            {"DATABASE_URL": "sqlite://data/chat.db"},
            "DATABASE_URL must have three slashes before a relative path",
            "(sqlite:///data/chat.db)",
        ),
        (
            nothing,
            {"DATABASE_URL": "postgresql://nobody:secret@127.0.0.1:1/none?sslmode=on"},
            "DATABASE_URL's sslmode (or ssl) must be one of",
            "disable, allow, prefer, require, verify-ca, verify-full",
        ),
        (
            nothing,
            {"CLERK_JWT_KEY": "secret", "CLERK_ISSUER": "https://clerk.example"},
            "CLERK_JWT_KEY is not a public key",
            "copy the PEM public key from Clerk's dashboard",
        ),
        (
            nothing,
            {"REDIS_URL": "redis://127.0.0.1:secret"},
            "REDIS_URL must be redis://",
            "with special characters percent-encoded",
        ),
    ],
)
async def test_run_says_how_to_fix_it_when_it_cannot_start(
    tmp_path: Path,
    prepare: Callable[[Path], None],
    settings: dict[str, str],
    problem: str,
    fix: str,
) -> None:
    prepare(tmp_path)

    finished = await ServerProcess(tmp_path, settings).command("run")

    assert (1, 1) == (finished.code, len(finished.err.splitlines()))
    assert problem in finished.err
    assert fix in finished.err
    assert "secret" not in finished.err


def test_run_leaves_no_file_when_the_database_url_is_wrong(tmp_path: Path) -> None:
    """``sqlite://data/chat.db`` lacks a slash; neither the database nor its lock is created."""
    environment = {**ENVIRONMENT, "DATABASE_URL": "sqlite://data/chat.db"}

    finished = run_program([sys.executable, "-m", "app", "run"], tmp_path, environment)

    assert (1, []) == (finished.returncode, list(tmp_path.iterdir()))


@contextmanager
def opened(file: Path, *statements: str) -> Iterator[None]:
    """Open the database like another program, and execute the statements."""
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)
        yield


@pytest.mark.parametrize(
    ("statement", "problem", "fix"),
    [
        ("BEGIN IMMEDIATE", "chat.db is locked by another program", "close that one"),
        (
            "UPDATE alembic_version SET version_num = '9999'",
            "has revision 9999",
            "start the newer version",
        ),
    ],
)
async def test_run_says_how_to_fix_it_when_another_program_uses_the_database(
    tmp_path: Path, statement: str, problem: str, fix: str
) -> None:
    """Another program is in a transaction, or a newer version has migrated the database."""
    await run_command(tmp_path, {}, "migrate")

    with opened(tmp_path / DATABASE, statement):
        finished = await ServerProcess(tmp_path, {}).command("run")

    assert (1, 1) == (finished.code, len(finished.err.splitlines()))
    assert problem in finished.err
    assert fix in finished.err


async def test_second_server_says_so_when_both_have_one_database(tmp_path: Path) -> None:
    """A second server fails, but a command can use the database of the running server."""
    async with running(tmp_path, {}) as first:
        second = await ServerProcess(tmp_path, {}).command("run")
        command = await first.command("migrate")

    assert (1, 1) == (second.code, len(second.err.splitlines()))
    assert "uses the database .data/chat.db already (process " in second.err
    assert "stop it, or set DATA_DIR and PORT" in second.err
    assert (0, "") == (command.code, command.err)


@pytest.mark.parametrize("blocks", [0, 64])
def test_run_says_so_when_the_disk_takes_no_more(tmp_path: Path, blocks: int) -> None:
    """A limit on file sizes simulates a full disk, which rejects the first file or the database."""
    limited = f'ulimit -f {blocks} && exec "$0" -m app run'

    finished = run_program(["/bin/sh", "-c", limited, sys.executable], tmp_path, ENVIRONMENT)

    assert (1, 1) == (finished.returncode, len(finished.stderr.splitlines()))
    assert ("cannot be used (File too large)" if blocks == 0 else "make room") in finished.stderr


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ["-S", "-m", "app"],
            "typer is not installed for this Python; in a checkout run `make install`",
        ),
        (
            ["-c", OLDER_PYTHON],
            "Python 3.11 or newer is needed.",
        ),
    ],
)
def test_command_names_the_fix_when_python_is_the_wrong_one(
    tmp_path: Path, arguments: list[str], sentence: str
) -> None:
    """The interpreter is too old, or lacks the dependencies."""
    finished = run_program([sys.executable, *arguments], tmp_path, ENVIRONMENT)

    assert (1, 1) == (finished.returncode, len(finished.stderr.splitlines()))
    assert sentence in finished.stderr


async def test_token_suggests_a_user_when_nobody_has_that_name(tmp_path: Path) -> None:
    """The token is printed anyway, because the database may have more users than the seed."""
    finished = await run_command(tmp_path, {}, "token", "alice")

    assert (0, 3) == (finished.code, len(finished.out.split(".")))
    assert "did you mean user_alice?" in finished.err


async def test_token_says_so_when_the_user_has_no_name(tmp_path: Path) -> None:
    """The server would refuse such a token."""
    finished = await run_command(tmp_path, {}, "token", "")

    assert (1, "") == (finished.code, finished.out)
    assert finished.err.startswith("The user id is empty; give one")


@pytest.mark.parametrize("command", ["doctor", "migrate", "run"])
async def test_command_says_so_when_the_database_may_only_be_read(
    tmp_path: Path, command: str
) -> None:
    """SQLite can open a read-only file and begin a transaction, so the server must check."""
    await run_command(tmp_path, {}, "migrate")
    (tmp_path / DATABASE).chmod(0o444)
    program = [sys.executable, "-m", "app", command]
    if os.geteuid() == 0:
        # Drop the capability that lets root write files without permission.
        program = ["setpriv", "--bounding-set=-dac_override", *program]

    finished = run_program(program, tmp_path, {**ENVIRONMENT, "PATH": os.environ["PATH"]})

    expected = (
        "The database .data/chat.db may not be written; let this user write the file and its "
        "folder.\n"
    )
    assert (1, expected) == (finished.returncode, finished.stderr)
