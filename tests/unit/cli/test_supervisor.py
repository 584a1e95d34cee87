"""Tests the supervisor with small programs as workers, each in its own process."""

import asyncio
import errno
import os
import signal
import socket
import sys
from asyncio import Task
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from app.adapters.system.shared_port import SharedPort
from app.adapters.system.stop_request import RESTART_SIGNAL
from app.adapters.system.worker_link import Listening
from app.cli.supervisor import Supervisor
from app.cli.worker_process import WorkerProcess
from app.domain.ids import ChannelId, UserId
from tests.deadlines import PROCESS_SECONDS
from tests.free_port import free_port
from tests.until import until

SHORT_SECONDS = 0.5
FIRST_PAUSE_SECONDS = 0.05

HEAD = """
import json, os, select, signal, socket, sys

def listen():
    report = {"url": "http://worker", "seeded": {"ada": [number]}}
    link.sendall(json.dumps(report).encode() + b"\\n")

link = socket.socket(fileno=int(next(
    argument for argument in sys.argv if argument.startswith("--link=")
).removeprefix("--link=")))
number = sys.argv[2]
"""
LISTENS = f"""{HEAD}
reader, writer = os.pipe()
os.set_blocking(writer, False)
# A handler in Python alone could miss a signal that arrives just before a blocking call.
signal.set_wakeup_fd(writer)
signal.signal(signal.SIGTERM, lambda *_: None)
listen()
select.select([link, reader], [], [])
"""
CANNOT_START = "import sys; sys.exit(3)"
DIES_BEFORE_LISTENING = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
DIES_IN_ITS_REPORT = f"""{HEAD}
link.sendall(b'{{"url": "http')
os.kill(os.getpid(), signal.SIGKILL)
"""
DIES_AFTER_LISTENING = f"""{HEAD}
listen()
os.kill(os.getpid(), signal.SIGKILL)
"""
IGNORES_SIGNALS = f"""{HEAD}
signal.signal(signal.SIGTERM, signal.SIG_IGN)
listen()
link.recv(1)
signal.pause()
"""


NOT_REPLACED = "the new worker did not start, so the old workers continue"


class Workers:
    """Runs a supervisor. A test may replace the program that the workers run.

    Attributes:
        program: The source of each worker that is started from now on.
        refused: The number of further starts of a process that fail.
        started: The processes that were started so far.
        reports: What the supervisor passed to ``on_listening``.
    """

    def __init__(self, log_lock: int) -> None:
        self.program: Callable[[int], str] = lambda _: LISTENS
        self.refused = 0
        self.started: list[WorkerProcess] = []
        self.reports: list[Listening] = []
        self._log_lock = log_lock
        self._port = SharedPort("127.0.0.1", free_port())
        self._running: Task[int] | None = None

    def start(self, count: int = 2, grace_seconds: float = PROCESS_SECONDS) -> None:
        supervisor = Supervisor(
            *(count, self._port, self._start_worker, self.reports.append),
            *(grace_seconds, FIRST_PAUSE_SECONDS),
        )
        self._running = asyncio.create_task(supervisor.run())

    async def listen(self) -> None:
        """Wait until all workers listen."""
        await self.until(lambda: bool(self.reports))

    async def until(self, holds: Callable[[], bool]) -> None:
        await until(holds, PROCESS_SECONDS)

    async def exit_code(self) -> int:
        assert self._running is not None
        async with asyncio.timeout(PROCESS_SECONDS):
            return await self._running

    async def stop(self) -> int:
        os.kill(os.getpid(), signal.SIGTERM)
        return await self.exit_code()

    def listening(self) -> list[WorkerProcess]:
        """Return the processes that listen and have not ended."""
        return [each for each in self.started if each.is_listening and is_running(each)]

    def close(self) -> None:
        self._port.close()
        for each in self.started:
            each.kill()

    async def _start_worker(self, number: int, sockets: Sequence[socket.socket]) -> WorkerProcess:
        if self.refused:
            self.refused -= 1
            raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        command = [sys.executable, "-c", self.program(number)]
        worker = await WorkerProcess.start(command, number, sockets, self._log_lock)
        self.started.append(worker)
        return worker


def is_running(worker: WorkerProcess) -> bool:
    return Path(f"/proc/{worker.pid}").exists()


def has_ended(worker: WorkerProcess) -> bool:
    return not is_running(worker)


@pytest.fixture
def log_lock() -> Iterator[int]:
    lock = os.memfd_create("lock")
    yield lock
    os.close(lock)


@pytest.fixture
async def workers(log_lock: int) -> AsyncIterator[Workers]:
    workers = Workers(log_lock)
    yield workers
    workers.close()


async def test_workers_start_after_the_first_one_and_stop_together(workers: Workers) -> None:
    """The report of the first worker is passed on once, when all workers listen."""
    workers.start(3)
    await workers.listen()
    numbers = [each.number for each in workers.listening()]

    code = await workers.stop()

    assert 0 == code
    assert [1, 2, 3] == sorted(numbers)
    assert 1 == workers.started[0].number
    assert [Listening("http://worker", {UserId("ada"): [ChannelId("1")]})] == workers.reports
    assert [] == workers.listening()


@pytest.mark.parametrize(
    ("program", "expected"),
    [(CANNOT_START, 3), (DIES_BEFORE_LISTENING, 1), (DIES_IN_ITS_REPORT, 1)],
)
async def test_no_other_worker_starts_when_the_first_one_cannot(
    workers: Workers, program: str, expected: int
) -> None:
    workers.program = lambda _: program
    workers.start()

    code = await workers.exit_code()

    assert expected == code
    assert 1 == len(workers.started)
    assert [] == workers.reports


async def test_all_workers_stop_when_another_one_cannot_start(workers: Workers) -> None:
    workers.program = lambda number: CANNOT_START if number == 2 else LISTENS
    workers.start()

    code = await workers.exit_code()

    assert 3 == code
    assert [] == workers.listening()


async def test_worker_is_restarted_whenever_it_dies(workers: Workers) -> None:
    """Even a worker that exits with 0 is restarted, unless the server is being stopped."""
    workers.start()
    await workers.listen()

    for number in (signal.SIGKILL, signal.SIGTERM):
        killed = workers.listening()[0]
        os.kill(killed.pid, number)
        await workers.until(partial(has_ended, killed))
        await workers.until(lambda: len(workers.listening()) == 2)

    assert {1, 2} == {each.number for each in workers.listening()}
    assert 4 == len(workers.started)
    assert 1 == len(workers.reports)
    assert 0 == await workers.stop()


async def test_start_of_a_worker_is_retried_while_another_one_serves(workers: Workers) -> None:
    """A restart may fail because the database is down, so the other workers must not stop."""
    workers.start()
    await workers.listen()

    workers.program = lambda _: CANNOT_START
    workers.listening()[0].kill()
    await workers.until(lambda: len(workers.started) > 3 and not is_running(workers.started[3]))
    served_meanwhile = len(workers.listening())
    workers.program = lambda _: LISTENS
    await workers.until(lambda: len(workers.listening()) == 2)

    assert 1 == served_meanwhile
    assert 0 == await workers.stop()


async def test_other_workers_continue_when_the_system_cannot_start_a_process(
    workers: Workers,
) -> None:
    """When the kernel kills a worker because memory is short, a new process may fail, too."""
    workers.start()
    await workers.listen()
    killed, other = workers.listening()

    workers.refused = 1
    killed.kill()
    await workers.until(lambda: not workers.refused)
    await workers.until(lambda: len(workers.listening()) == 2)

    assert other in workers.listening()
    assert 0 == await workers.stop()


async def test_old_workers_continue_when_the_system_cannot_start_a_process(
    workers: Workers,
) -> None:
    workers.start()
    await workers.listen()
    old = workers.listening()

    workers.refused = 1
    os.kill(os.getpid(), RESTART_SIGNAL)
    await workers.until(lambda: not workers.refused)

    assert old == workers.listening()
    assert 0 == await workers.stop()
    assert 2 == len(workers.started)


async def test_server_does_not_start_when_the_system_cannot_start_a_process(
    workers: Workers,
) -> None:
    workers.refused = 1
    workers.start()

    with pytest.raises(BlockingIOError):
        await workers.exit_code()


async def test_new_worker_is_restarted_at_once_when_it_dies_while_the_old_one_drains(
    workers: Workers,
) -> None:
    """Otherwise, no process would accept the connections in the queue of its socket."""
    workers.program = lambda _: IGNORES_SIGNALS
    workers.start(1, grace_seconds=PROCESS_SECONDS)
    await workers.listen()
    (old,) = workers.listening()

    workers.program = lambda _: DIES_AFTER_LISTENING if len(workers.started) == 1 else LISTENS
    os.kill(os.getpid(), RESTART_SIGNAL)
    await workers.until(lambda: len(workers.started) == 3)
    await workers.until(lambda: workers.started[2].is_listening)

    assert is_running(old)
    old.kill()
    await old.wait()
    assert 0 == await workers.stop()


async def test_server_exits_when_no_worker_serves_and_none_can_start(workers: Workers) -> None:
    workers.start()
    await workers.listen()

    workers.program = lambda _: CANNOT_START
    for each in workers.listening():
        each.kill()

    assert 3 == await workers.exit_code()


async def test_worker_is_killed_when_it_does_not_stop_in_time(workers: Workers) -> None:
    workers.program = lambda number: IGNORES_SIGNALS if number == 2 else LISTENS
    workers.start(grace_seconds=SHORT_SECONDS)
    await workers.listen()

    code = await workers.stop()

    assert 1 == code
    assert [-signal.SIGKILL] == [each.exit_code for each in workers.started if each.number == 2]


async def test_workers_are_replaced_one_after_another_when_asked(workers: Workers) -> None:
    """The new process listens before the old one is released."""
    workers.start()
    await workers.listen()
    old = workers.listening()

    os.kill(os.getpid(), RESTART_SIGNAL)
    fewest = 2

    def are_replaced() -> bool:
        nonlocal fewest
        fewest = min(fewest, len(workers.listening()))
        return len(workers.started) == 4 and not any(map(is_running, old))

    await workers.until(are_replaced)
    for each in old:
        await each.wait()  # the event loop may learn of the end a moment later than the kernel

    assert 2 == fewest
    assert [0, 0] == [each.exit_code for each in old]
    assert {1, 2} == {each.number for each in workers.listening()}
    assert 0 == await workers.stop()


async def test_old_workers_continue_when_a_new_one_cannot_start(workers: Workers) -> None:
    """A broken version or setting does not end a server that runs."""
    workers.start()
    await workers.listen()
    old = workers.listening()

    workers.program = lambda _: CANNOT_START
    with capture_logs() as log:
        os.kill(os.getpid(), RESTART_SIGNAL)
        await workers.until(lambda: any(each["event"] == NOT_REPLACED for each in log))

    assert old == workers.listening()
    assert 0 == await workers.stop()
    assert 3 == len(workers.started)


async def test_worker_that_does_not_listen_yet_is_stopped_with_the_others(
    workers: Workers,
) -> None:
    workers.program = lambda _: "import signal; signal.pause()"
    workers.start()
    await workers.until(lambda: bool(workers.started))

    assert 0 == await workers.stop()
