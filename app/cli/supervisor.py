"""Starts worker processes, restarts those that die, and stops all of them together."""

import asyncio
import os
import signal
import socket
import time
from asyncio import FIRST_COMPLETED
from collections.abc import Awaitable, Callable, Sequence
from types import FrameType
from typing import TypeAlias

import structlog

from app.adapters.sql.schema.upgrade import MIGRATION_SECONDS
from app.adapters.system.shared_port import SharedPort
from app.adapters.system.stop_request import RESTART_SIGNAL, stop_signals
from app.adapters.system.worker_link import Listening
from app.cli.worker_process import WorkerProcess
from app.concurrency.backoff import Backoff

RESTART_FIRST_SECONDS = 1.0
"""The maximum pause before the restart of a worker that ended soon after its start."""
RESTART_MAX_SECONDS = 30.0
"""The maximum pause before any restart."""
START_SECONDS = MIGRATION_SECONDS + 60
"""The time limit for the start of a worker. In development, the first one migrates the database."""

StartWorker: TypeAlias = Callable[[int, Sequence[socket.socket]], Awaitable[WorkerProcess]]
"""Takes the number and the sockets of a worker, and starts its process."""

_log = structlog.stdlib.get_logger("Supervisor")


class Supervisor:
    """Runs worker processes until a signal stops them.

    - The first worker starts alone: it migrates and seeds the database, creates missing files and
      reports errors. Then the others start together.
    - A worker that dies is restarted, after a pause if it died soon after its start. If a worker
      cannot start, all workers are stopped, unless it has listened before and another one is alive.
    - The first SIGINT, SIGTERM or SIGHUP is sent to all workers. A worker that has not ended after
      ``grace_seconds`` is killed. A second SIGINT or SIGTERM kills all processes at once.
    - On `RESTART_SIGNAL` the workers are replaced one after another. A new process listens on the
      same sockets before the old one stops, so that no waiting connection is lost.

    If the supervisor dies, the workers detect it and exit; see `WorkerLink.when_released`.

    Args:
        count: The number of workers.
        on_listening: Called once, with the first worker's report, when all workers listen.
        first_pause_seconds: See `RESTART_FIRST_SECONDS`.
    """

    def __init__(
        self,
        count: int,
        port: SharedPort,
        start_worker: StartWorker,
        on_listening: Callable[[Listening], None],
        grace_seconds: float,
        first_pause_seconds: float = RESTART_FIRST_SECONDS,
    ) -> None:
        self._port = port
        self._start_worker = start_worker
        self._on_listening = on_listening
        self._grace_seconds = grace_seconds
        self._slots = [_Slot(number + 1, first_pause_seconds) for number in range(count)]
        self._live: set[WorkerProcess] = set()
        self._stop_wanted = asyncio.Event()
        self._stop_signal = signal.SIGTERM
        self._exit_code = 0
        self._restart_wanted = asyncio.Event()

    async def run(self) -> int:
        """Run the workers, and return the exit code: 0 if all of them stopped cleanly.

        Raises:
            OSError: The system cannot start a process, and no worker serves.
        """
        loop = asyncio.get_running_loop()
        for number in stop_signals():
            loop.add_signal_handler(number, self._on_stop_signal, number)
        loop.add_signal_handler(RESTART_SIGNAL, self._restart_wanted.set)
        running = asyncio.create_task(self._run_workers())
        stopping = asyncio.create_task(self._stop_wanted.wait())
        await asyncio.wait({running, stopping}, return_when=FIRST_COMPLETED)
        running.cancel()
        stopping.cancel()
        await asyncio.wait({running, stopping})
        ended_well = await self._stop_workers()
        if not running.cancelled():
            running.result()
        return self._exit_code or (0 if ended_well else 1)

    def _on_stop_signal(self, number: signal.Signals) -> None:
        if self._stop_wanted.is_set():
            if number is not signal.SIGHUP:  # a closing terminal may send two
                self._end_at_once(number)
            return
        self._stop_signal = number
        self._stop_wanted.set()
        for each in (signal.SIGINT, signal.SIGTERM):
            # This handler runs even while a log line blocks the event loop.
            asyncio.get_running_loop().remove_signal_handler(each)
            signal.signal(each, self._end_at_once)

    def _end_at_once(self, number: int, _frame: FrameType | None = None) -> None:
        for worker in self._live:
            worker.kill()
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    async def _run_workers(self) -> None:
        first, *others = self._slots
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._keep(first))
                await first.has_listened.wait()
                for slot in others:
                    tasks.create_task(self._keep(slot))
                for slot in others:
                    await slot.has_listened.wait()
                if first.report is not None:
                    self._on_listening(first.report)
                await self._restart_when_asked()
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None

    async def _keep(self, slot: "_Slot") -> None:
        """Start a worker, and restart it whenever it dies."""
        pause_seconds = slot.backoff.next_seconds()
        while True:
            await asyncio.sleep(pause_seconds)
            try:
                died = await self._run_until_death(slot)
            except OSError as error:
                if not self._is_served_without(slot):
                    raise
                pause_seconds = slot.backoff.next_seconds()
                _log.error(
                    "the system cannot start a worker",
                    worker=slot.number,
                    error=str(error),
                    restart_in_seconds=round(pause_seconds, 3),
                )
                continue
            if not (died.is_listening or self._is_served_without(slot)):
                self._give_up(died)
                return
            pause_seconds = slot.backoff.next_seconds()
            _log.error(
                "worker ended" if died.is_listening else "worker did not start",
                worker=died.number,
                pid=died.pid,
                status=died.status,
                restart_in_seconds=round(pause_seconds, 3),
            )

    def _is_served_without(self, slot: "_Slot") -> bool:
        """Return whether the server has started, and has a worker besides this slot's."""
        return slot.has_listened.is_set() and bool(self._live)

    async def _run_until_death(self, slot: "_Slot") -> WorkerProcess:
        """Run a worker and its successors, and return the one that died without a successor.

        At the end, close its sockets, so that the kernel gives new connections to other workers.

        Raises:
            OSError: The system cannot open the sockets or start the process.
        """
        slot.sockets = self._port.open()
        try:
            worker = await self._start(slot)
            report = await worker.listening(START_SECONDS)
            if report is None:
                await self._end(worker)
                return worker
            slot.listens(worker, report)
            while slot.worker is not None:
                worker = slot.worker
                await worker.until_gone()
                # If a successor is starting, wait until it is clear whether it takes over.
                async with slot.replacing:
                    if slot.worker is worker:
                        slot.worker = None
            await self._end(worker)
            return worker
        finally:
            slot.close_sockets()

    def _give_up(self, worker: WorkerProcess) -> None:
        if worker.exit_code <= 0:  # otherwise the worker has printed the reason
            _log.error(
                "worker did not start, so all workers are stopped",
                worker=worker.number,
                pid=worker.pid,
                status=worker.status,
            )
        self._exit_code = max(worker.exit_code, 1)
        self._stop_wanted.set()

    async def _restart_when_asked(self) -> None:
        while True:
            await self._restart_wanted.wait()
            self._restart_wanted.clear()
            _log.info("restarting the workers one after another")
            for slot in self._slots:
                if not await self._replace(slot):
                    _log.error(
                        "the new worker did not start, so the old workers continue",
                        worker=slot.number,
                    )
                    break
            else:
                _log.info("all workers were restarted")

    async def _replace(self, slot: "_Slot") -> bool:
        """Replace the slot's worker by a new process; return False if that one does not start."""
        async with slot.replacing:
            old = slot.worker
            if old is None:  # the worker has died, so a new process is about to start
                return True
            try:
                new = await self._start(slot)
            except OSError as error:
                _log.error("the system cannot start a worker", worker=slot.number, error=str(error))
                return False
            report = await new.listening(START_SECONDS)
            if report is None:
                await self._end(new)
                return False
            slot.listens(new, report)
        old.release()
        await self._end_in_time(old)
        return True

    async def _start(self, slot: "_Slot") -> WorkerProcess:
        worker = await self._start_worker(slot.number, slot.sockets)
        self._live.add(worker)
        return worker

    async def _end(self, worker: WorkerProcess) -> None:
        await worker.wait()
        self._live.discard(worker)

    async def _end_in_time(self, worker: WorkerProcess) -> None:
        try:
            async with asyncio.timeout(self._grace_seconds):
                await self._end(worker)
        except TimeoutError:
            worker.kill()
            await self._end(worker)
            # Log after the kill, because writing a log line may block.
            _log.error("worker did not stop in time, so it was killed", worker=worker.number)

    async def _stop_workers(self) -> bool:
        """Stop all workers; return whether each exited with 0, or by SIGTERM before it listened."""
        workers = tuple(self._live)
        for worker in workers:
            worker.stop(self._stop_signal)
        await asyncio.gather(*map(self._end_in_time, workers))
        return all(
            worker.exit_code == 0
            or (worker.exit_code == -signal.SIGTERM and not worker.is_listening)
            for worker in workers
        )


class _Slot:
    """One of the workers, with the processes that it has one after another.

    Attributes:
        worker: The process that listens; None while there is none.
        report: The report of the last process that listened.
        has_listened: Set once a process of this worker has listened.
        sockets: The worker's sockets. A new process inherits them if it replaces an old one.
        replacing: Held while a new process is starting to replace an old one.
    """

    def __init__(self, number: int, first_pause_seconds: float) -> None:
        self.number = number
        self.worker: WorkerProcess | None = None
        self.report: Listening | None = None
        self.has_listened = asyncio.Event()
        self.sockets: Sequence[socket.socket] = ()
        self.replacing = asyncio.Lock()
        self.backoff = Backoff(time.monotonic, first_pause_seconds, RESTART_MAX_SECONDS)

    def listens(self, worker: WorkerProcess, report: Listening) -> None:
        """Record that this process accepts clients."""
        self.worker = worker
        self.report = report
        self.backoff.succeeded()
        self.has_listened.set()

    def close_sockets(self) -> None:
        for each in self.sockets:
            each.close()
        self.sockets = ()
