"""Runs a development server in a child process and restarts it when its source changes.

``python -m app run --reload`` calls this module. The reloader needs process groups, so it runs
only on Linux and macOS.

``watchfiles.run_process`` is not sufficient: it does not detect the exit of the server, loses the
exit code, and does not forward SIGTERM. With ``run_process``, a second Ctrl-C would not kill a
server that hangs, the server would outlive a reloader that is killed, and ``make run`` would report
a failure after Ctrl-C.
"""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from asyncio.subprocess import Process
from collections.abc import Callable, Coroutine, Iterator, Sequence
from pathlib import Path

from watchfiles import Change, DefaultFilter, awatch

_FIRST_START_SECONDS = 5.0
"""If the first start fails within this time, the reloader exits instead of waiting for a change.

The cause is most likely a port in use or a wrong setting, which a changed file cannot fix.
"""
_EXIT_TIMEOUT_SECONDS = 5.0
"""The time that the server has to exit after a signal before it is killed."""

_GUARDIAN = (
    'while read -r line; do group=$line; done; [ -n "$group" ] || exit; '
    'kill -s INT -- "-$group" && sleep 5 && kill -s KILL -- "-$group"'
)
"""A shell script that reads process group ids until its input ends, then ends the last group.

The input ends when the reloader dies, even if the reloader is killed. A separate process is needed,
because macOS cannot signal the death of a parent process, and a server that hangs would not react
to the end of a pipe.
"""

_DELAYED_COMMAND = 'read -r _ <"/dev/fd/$0" && exec "$@"'
"""A shell script that waits for a line in a pipe, and then runs the command.

If the pipe ends without a line, the command never runs. The standard input is not used for this,
because the server needs it for a debugger.
"""


def run_reloading(command: Sequence[str], watch: Path) -> int:
    """Run ``command`` in a child process, and restart it when a source file changes.

    The child runs in its own session, so a Ctrl-C in the terminal reaches the child only through
    this process. This process forwards the first SIGINT or SIGTERM to the child, and kills the
    child five seconds later or at a second SIGINT.

    The function returns after such a signal, when the child exits with 0, or when its first start
    fails. If the child crashes later, it is restarted at the next change. The child never outlives
    this process, even if this process is killed.

    Returns:
        The last child's exit code, in the form that a shell reports.
    """
    with _foreground(), _guardian() as guard:
        return asyncio.run(_Reloader(command, watch, guard).run())


class _Reloader:
    def __init__(self, command: Sequence[str], watch: Path, guard: Callable[[int], None]) -> None:
        self._command = command
        self._watch = watch.resolve()
        self._guard = guard
        self._changed = asyncio.Event()
        self._stopped = asyncio.Event()
        self._killed = asyncio.Event()
        self._stop_signal = signal.SIGINT

    async def run(self) -> int:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGINT, self._on_interrupt)
        for number in (signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._on_terminate)
        async with asyncio.TaskGroup() as tasks:
            watcher = tasks.create_task(self._watch_files())
            # Let the watcher start before the child, so that no later change is missed.
            await asyncio.sleep(0)
            exit_code = await self._run_children()
            watcher.cancel()
        return exit_code

    def _on_interrupt(self) -> None:
        if self._stopped.is_set():
            self._killed.set()
        self._stopped.set()

    def _on_terminate(self) -> None:
        # A second SIGTERM does not kill the child: one request to stop may send two signals, one to
        # the process group and one through make.
        self._stop_signal = signal.SIGTERM
        self._stopped.set()

    async def _watch_files(self) -> None:
        async for changes in awatch(self._watch, watch_filter=_SourceFilter()):
            names = sorted({str(Path(path).relative_to(self._watch)) for _, path in changes})
            _say(f"Changed: {', '.join(names)}.")
            self._changed.set()

    async def _run_children(self) -> int:
        loop = asyncio.get_running_loop()
        gives_up_until = loop.time() + _FIRST_START_SECONDS
        while True:
            self._changed.clear()
            child = await self._start()
            await _first_of(child.wait(), self._changed.wait(), self._stopped.wait())
            if child.returncode is None:
                await self._end(child)
            elif child.returncode == 0 or loop.time() < gives_up_until:
                return _exit_code(child)
            else:
                _say(f"The server exited with {_exit_code(child)}; change a file to restart it.")
                await _first_of(self._changed.wait(), self._stopped.wait())
            if self._stopped.is_set():
                return _exit_code(child)
            gives_up_until = 0.0

    async def _start(self) -> Process:
        """Start the child; its command waits until the guardian has received the process group."""
        reader, writer = os.pipe()
        try:
            child = await asyncio.create_subprocess_exec(
                *("/bin/sh", "-c", _DELAYED_COMMAND, str(reader), *self._command),
                pass_fds=[reader],
                start_new_session=True,
            )
            self._guard(child.pid)
            os.write(writer, b"\n")
        finally:
            os.close(reader)
            os.close(writer)
        return child

    async def _end(self, child: Process) -> None:
        number = self._stop_signal if self._stopped.is_set() else signal.SIGINT
        with contextlib.suppress(ProcessLookupError):
            os.kill(child.pid, number)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_EXIT_TIMEOUT_SECONDS):
                await _first_of(child.wait(), self._killed.wait())
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        await child.wait()


class _SourceFilter(DefaultFilter):
    """Accepts changes of source files, and ignores caches and editors' temporary files."""

    def __call__(self, change: Change, path: str) -> bool:
        is_source = path.endswith((".py", ".json", ".js", ".html", ".css"))
        return is_source and super().__call__(change, path)


@contextlib.contextmanager
def _guardian() -> Iterator[Callable[[int], None]]:
    """Start the guardian, and yield a callback that sends it the id of a process group.

    When this process dies or the context exits, the guardian ends the group that it received last.
    """
    with subprocess.Popen(  # noqa: S603 - a constant
        ["/bin/sh", "-c", _GUARDIAN],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        text=True,
        bufsize=1,
    ) as guardian:
        yield lambda group: print(group, file=guardian.stdin)


@contextlib.contextmanager
def _foreground() -> Iterator[None]:
    """Leave make's process group, become the terminal's foreground group, and undo this at exit.

    Ctrl-C interrupts the whole foreground process group. If this group included make, ``make run``
    would report a failure even though the server exits cleanly.
    """
    group = os.getpgrp()
    if group == os.getpid() or _foreground_group() != group:
        yield
        return
    # SIGTTOU would stop this process when it restores the foreground from the background. SIGTSTP
    # (Ctrl-Z) would stop this process but not make, and the terminal would be blocked.
    for number in (signal.SIGTTOU, signal.SIGTSTP):
        signal.signal(number, signal.SIG_IGN)
    os.setpgid(0, 0)
    os.tcsetpgrp(sys.stdin.fileno(), os.getpgrp())
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # The terminal or make may have exited
            os.tcsetpgrp(sys.stdin.fileno(), group)


def _foreground_group() -> int | None:
    try:
        return os.tcgetpgrp(sys.stdin.fileno())
    except OSError:  # The input is not this process's terminal
        return None


async def _first_of(*coroutines: Coroutine[object, object, object]) -> None:
    tasks = [asyncio.ensure_future(coroutine) for coroutine in coroutines]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()


def _exit_code(child: Process) -> int:
    code = child.returncode or 0
    return code if code >= 0 else 128 - code


def _say(sentence: str) -> None:
    sys.stderr.write(f"{sentence}\n")
    sys.stderr.flush()
