import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.deadlines import PROCESS_SECONDS

ROOT = Path(__file__).parents[3]
SUPERVISOR = (
    "import sys; from pathlib import Path; from app.cli.reloader import run_reloading; "
    "sys.exit(run_reloading([sys.executable, '-u', sys.argv[1]], Path(sys.argv[2])))"
)
KILLED_SUPERVISOR = (
    "import asyncio, os, signal, sys; from pathlib import Path; "
    "from app.cli.reloader import _Reloader; "
    "die = lambda group: os.kill(os.getpid(), signal.SIGKILL); "
    "command = [sys.executable, '-u', sys.argv[1]]; "
    "asyncio.run(_Reloader(command, Path(sys.argv[2]), die).run())"
)
# A server also exits at the end of its standard input, so that no failing test leaves it running.
# The pipe ends `select` when a signal arrives just before it.
WAIT = """
woken, wake = os.pipe()
os.set_blocking(wake, False)
signal.set_wakeup_fd(wake)
print("up", os.getpid())
while sys.stdin not in select.select([sys.stdin, woken], [], [])[0]:
    os.read(woken, 1)
"""
SERVER = f"""
import os, select, signal, sys

def end(number, _):
    print("got", signal.Signals(number).name)
    raise SystemExit

signal.signal(signal.SIGINT, end)
signal.signal(signal.SIGTERM, end)
{WAIT}"""
STUBBORN_SERVER = f"""
import os, select, signal, sys

signal.signal(signal.SIGINT, lambda *_: print("ignored"))
{WAIT}"""
TERMINAL = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))"
CTRL_C, CTRL_Z = "\x03", "\x1a"


class Supervised:
    """Runs a supervisor in a process, and reads the output of the supervisor and its server."""

    def __init__(self, folder: Path) -> None:
        self.watched = folder / "app"
        self.watched.mkdir()
        self._server = folder / "server.py"
        self._makefile = folder / "Makefile"
        self._process: subprocess.Popen[str] | None = None

    @property
    def process(self) -> subprocess.Popen[str]:
        """The process that the test started last: the supervisor, make, or a terminal."""
        assert self._process
        return self._process

    def write_server(self, source: str) -> None:
        """Replace the program that the supervisor runs."""
        self._server.write_text(source)

    def change(self, name: str) -> None:
        (self.watched / name).write_text("")

    def start(self, program: str = SUPERVISOR) -> None:
        self._start(self._command(program))

    def start_in_make(self, *terminal: str) -> None:
        """Let make start the supervisor, as ``make run`` does."""
        self._makefile.write_text(f"run:\n\t@{shlex.join(self._command(SUPERVISOR))}\n")
        self._start([*terminal, "make", "--file", str(self._makefile)])

    def start_in_make_in_a_terminal(self) -> None:
        """Start make in a terminal. The test's writes to the process's input are its typed keys."""
        self.start_in_make(sys.executable, "-c", TERMINAL)

    def type(self, keys: str) -> None:
        """Write to the process's standard input; a terminal passes it on as typed keys."""
        assert self.process.stdin
        self.process.stdin.write(keys)
        self.process.stdin.flush()

    def line(self) -> str:
        assert self.process.stdout
        return self.process.stdout.readline().replace("^C", "").replace("^Z", "").strip()

    def wait_until_up(self) -> int:
        """Wait until the server has started, and return its process id."""
        word, pid = self.line().split()
        assert word == "up"
        return int(pid)

    def rest(self) -> str:
        """Wait until every process has closed its output, and return the remaining output."""
        assert self.process.stdout
        return self.process.stdout.read()

    def exit_code(self) -> int:
        return self.process.wait(timeout=PROCESS_SECONDS)

    def leave_nothing(self) -> None:
        """Kill the process group started last, and wait until its servers have exited."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.communicate(timeout=PROCESS_SECONDS)

    def _command(self, program: str) -> list[str]:
        return [sys.executable, "-c", program, str(self._server), str(self.watched)]

    def _start(self, command: list[str]) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - the command is made above
            command,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            # If make runs the tests, its own variables would change the output of this second make.
            env={key: value for key, value in os.environ.items() if not key.startswith("MAKE")},
            text=True,
        )


@pytest.fixture
def supervised(tmp_path: Path) -> Iterator[Supervised]:
    """A supervisor with a server that exits at a signal."""
    supervised = Supervised(tmp_path)
    supervised.write_server(SERVER)
    yield supervised
    supervised.leave_nothing()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_reloader_hands_the_signal_on_and_ends_with_the_server(
    number: signal.Signals, supervised: Supervised
) -> None:
    """The server handles the signal, and the supervisor returns the server's exit code."""
    supervised.start()
    supervised.wait_until_up()

    supervised.process.send_signal(number)

    assert f"got {number.name}" == supervised.line()
    assert 0 == supervised.exit_code()


def test_reloader_ends_when_the_server_is_told_to_end_by_its_own_process_id(
    supervised: Supervised,
) -> None:
    """When the server exits with 0, the supervisor exits as well."""
    supervised.start()

    os.kill(supervised.wait_until_up(), signal.SIGINT)

    assert "got SIGINT" == supervised.line()
    assert 0 == supervised.exit_code()


def test_reloader_starts_the_server_again_when_a_source_file_changes(
    supervised: Supervised,
) -> None:
    """The old server exits before the new one starts; changes of other files are ignored."""
    supervised.start()
    first = supervised.wait_until_up()

    supervised.change("cache.pyc")
    supervised.change("main.py")

    assert "Changed: main.py." == supervised.line()
    assert "got SIGINT" == supervised.line()
    assert first != supervised.wait_until_up()


def test_reloader_waits_for_a_change_when_the_server_crashes_later(
    supervised: Supervised,
) -> None:
    """A crash after a successful start does not end the supervisor."""
    supervised.start()
    supervised.wait_until_up()
    supervised.write_server("raise SystemExit(3)")
    supervised.change("typo.py")
    lines = [supervised.line() for _ in range(3)]

    supervised.write_server(SERVER)
    supervised.change("fixed.py")

    assert "The server exited with 3; change a file to restart it." == lines[-1]
    assert "Changed: fixed.py." == supervised.line()
    assert supervised.wait_until_up()


def test_reloader_ends_with_the_servers_code_when_its_first_start_fails(
    supervised: Supervised,
) -> None:
    """If the first start fails, the supervisor exits instead of waiting for a change."""
    supervised.write_server("raise SystemExit(3)")

    supervised.start()

    assert 3 == supervised.exit_code()


def test_reloader_kills_the_server_when_interrupted_again(supervised: Supervised) -> None:
    """A second SIGINT kills a server that ignored the first one."""
    supervised.write_server(STUBBORN_SERVER)
    supervised.start()
    supervised.wait_until_up()
    supervised.process.send_signal(signal.SIGINT)
    assert "ignored" == supervised.line()

    supervised.process.send_signal(signal.SIGINT)

    assert 128 + signal.SIGKILL == supervised.exit_code()


def test_reloader_leaves_no_server_when_it_is_killed(supervised: Supervised) -> None:
    """The supervisor cannot handle SIGKILL, so the guardian process interrupts the server."""
    supervised.start()
    supervised.wait_until_up()

    supervised.process.kill()

    assert "got SIGINT" == supervised.line()
    assert "" == supervised.rest()


def test_reloader_leaves_no_server_when_it_is_killed_while_starting_one(
    supervised: Supervised,
) -> None:
    """The guardian receives a server's process id before that server runs."""
    supervised.start(KILLED_SUPERVISOR)

    assert "" == supervised.rest()
    assert -signal.SIGKILL == supervised.exit_code()


def test_server_reads_the_supervisors_input_when_it_runs(supervised: Supervised) -> None:
    """The server has the supervisor's standard input, so that a debugger works."""
    supervised.write_server("print('read', input())")
    supervised.start()

    supervised.type("typed\n")

    assert "read typed" == supervised.line()
    assert 0 == supervised.exit_code()


def test_make_succeeds_when_ctrl_c_is_typed_in_its_terminal(supervised: Supervised) -> None:
    """Ctrl-C reaches the server once, and does not reach make, which would report a failure."""
    supervised.start_in_make_in_a_terminal()
    supervised.wait_until_up()

    supervised.type(CTRL_Z + CTRL_C)

    assert "got SIGINT" == supervised.line()
    assert 0 == supervised.exit_code()


def test_make_leaves_no_server_when_its_whole_group_is_interrupted(
    supervised: Supervised,
) -> None:
    """The signal reaches make and the supervisor, but the server receives it only once."""
    supervised.start_in_make()
    supervised.wait_until_up()

    os.killpg(supervised.process.pid, signal.SIGINT)

    assert "got SIGINT" == supervised.line()
    supervised.rest()
