"""Runs the server in a child process and starts it again when its source changes; for development.

Called by ``python -m app run --reload``. Linux and macOS: it rests on process groups.
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
"""A first start that fails this soon is a taken port or a bad setting, which no edit will mend."""
_EXIT_TIMEOUT_SECONDS = 5.0

_GUARDIAN = (
    'while read -r line; do group=$line; done; [ -n "$group" ] || exit; '
    'kill -s INT -- "-$group" && sleep 5 && kill -s KILL -- "-$group"'
)
"""Reads the child's process group, and ends that group when its own input ends.

The input ends with this process, however that dies. Linux could signal a parent's death instead,
macOS could not, and a pipe read by the server itself would not end a server that hangs.
"""

_GATED = 'read -r _ <"/dev/fd/$0" && exec "$@"'
"""Becomes the command once there is a line in the pipe; never, when that ends without one.

The pipe is not the standard input, which stays the server's, for a debugger.
"""


def run_reloading(command: Sequence[str], watch: Path) -> int:
    """Run ``command`` until it ends or is told to; start it again when a source file changes.

    The child has a session of its own, so that the terminal's Ctrl-C reaches it only through
    here: once. It gets the first SIGINT or SIGTERM sent to this process and five seconds to end;
    a second SIGINT kills it. A child that exits with 0, or with anything else right after the
    first start, ends the run. One that crashes later is started again at the next change. No
    child outlives this process, not even when this process is killed, at whatever moment.

    Args:
        command: The program and its arguments.
        watch: The folder whose source files count, with all folders below it.

    Returns:
        The last child's exit code, as a shell gives it.
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
            await asyncio.sleep(0)  # the watcher begins, so that no change after a start is missed
            exit_code = await self._run_children()
            watcher.cancel()
        return exit_code

    def _on_interrupt(self) -> None:
        if self._stopped.is_set():
            self._killed.set()
        self._stopped.set()

    def _on_terminate(self) -> None:
        # Never kills: make hands on a SIGTERM that its whole process group may have had already.
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
                _say(f"The server ended with {_exit_code(child)}; the next change starts it again.")
                await _first_of(self._changed.wait(), self._stopped.wait())
            if self._stopped.is_set():
                return _exit_code(child)
            gives_up_until = 0.0

    async def _start(self) -> Process:
        """Start the child, which does nothing until the guardian knows of it."""
        gate, opener = os.pipe()
        try:
            child = await asyncio.create_subprocess_exec(
                *("/bin/sh", "-c", _GATED, str(gate), *self._command),
                pass_fds=[gate],
                start_new_session=True,
            )
            self._guard(child.pid)
            os.write(opener, b"\n")
        finally:
            os.close(gate)
            os.close(opener)
        return child

    async def _end(self, child: Process) -> None:
        """Ask the child to end, and kill it and its own children if it does not."""
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
    """Source files only; no caches and none of an editor's temporary files."""

    def __call__(self, change: Change, path: str) -> bool:
        is_source = path.endswith((".py", ".json", ".js", ".html", ".css"))
        return is_source and super().__call__(change, path)


@contextlib.contextmanager
def _guardian() -> Iterator[Callable[[int], None]]:
    """Have the process group last named to the callback ended, whatever ends this process."""
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
    """Take the terminal from make, where make has it, and give it back in the end.

    A terminal's Ctrl-C reaches its whole foreground process group, and make then dies of it:
    however cleanly the server ends, ``make run`` would report a failure.
    """
    group = os.getpgrp()
    if group == os.getpid() or _foreground_group() != group:
        yield
        return
    # Without the first, giving the terminal away from the background would stop this process.
    # Without the second, Ctrl-Z would stop it behind make's back, and the terminal with it.
    for number in (signal.SIGTTOU, signal.SIGTSTP):
        signal.signal(number, signal.SIG_IGN)
    os.setpgid(0, 0)
    os.tcsetpgrp(sys.stdin.fileno(), os.getpgrp())
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # the terminal, or make, may be gone
            os.tcsetpgrp(sys.stdin.fileno(), group)


def _foreground_group() -> int | None:
    try:
        return os.tcgetpgrp(sys.stdin.fileno())
    except OSError:  # no terminal, or not the one that controls this process
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
