"""The supervisor's view of a worker process."""

import asyncio
import signal
import socket
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Sequence
from contextlib import suppress

import structlog

from app.adapters.system.worker_link import Listening

_MAX_REPORT_BYTES = 1 << 26
"""The maximum size of a report. A development server reports the channels of all seeded users."""

_log = structlog.stdlib.get_logger("Supervisor")


class WorkerProcess:
    """A running process of ``python -m app worker``.

    Attributes:
        number: The worker's number in the logs.
        is_listening: Whether the worker has reported that it accepts clients.
    """

    def __init__(
        self,
        number: int,
        process: Process,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self.number = number
        self.is_listening = False
        self._process = process
        self._reader = reader
        self._writer = writer

    @property
    def pid(self) -> int:
        """The id of the process."""
        return self._process.pid

    @classmethod
    async def start(
        cls, command: Sequence[str], number: int, sockets: Sequence[socket.socket], log_lock: int
    ) -> "WorkerProcess":
        """Start a worker that listens on the sockets.

        The worker gets a session of its own, so that Ctrl-C in a terminal reaches only the
        supervisor.

        Raises:
            OSError: The system cannot start another process.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            reader, writer = await asyncio.open_connection(sock=ours, limit=_MAX_REPORT_BYTES)
            inherited = [each.fileno() for each in sockets]
            options = [f"--listen={descriptor}" for descriptor in inherited]
            try:
                process = await asyncio.create_subprocess_exec(
                    *(*command, "worker", str(number), *options),
                    *(f"--link={theirs.fileno()}", f"--log-lock={log_lock}"),
                    pass_fds=[*inherited, theirs.fileno(), log_lock],
                    stdin=DEVNULL,
                    start_new_session=True,
                )
            except BaseException:
                writer.close()
                raise
        return cls(number, process, reader, writer)

    async def listening(self, seconds: float) -> Listening | None:
        """Wait until the worker listens.

        Returns:
            The worker's report; None if the worker ended first, or was killed because it did not
            listen in time.
        """
        try:
            async with asyncio.timeout(seconds):
                line = await self._reader.readline()
        except TimeoutError:
            _log.error("worker does not listen in time", worker=self.number, seconds=seconds)
            self.kill()
            return None
        except ConnectionError:
            return None
        if not line.endswith(b"\n"):  # the worker ended, perhaps while it wrote the line
            return None
        self.is_listening = True
        return Listening.parse(line)

    async def until_gone(self) -> None:
        """Wait until the listening worker is released or ends."""
        await self._reader.read()  # a release and an end both close the connection

    async def wait(self) -> None:
        """Wait until the process has ended."""
        await self._process.wait()
        self._writer.close()

    @property
    def exit_code(self) -> int:
        """The exit code after the end: negative if a signal killed the process."""
        code = self._process.returncode
        if code is None:
            raise ValueError(f"process {self.pid} has not ended")
        return code

    @property
    def status(self) -> str:
        """The exit code in words, such as ``killed by SIGKILL``."""
        if self.exit_code < 0:
            return f"killed by {signal.Signals(-self.exit_code).name}"
        return f"exit code {self.exit_code}"

    def release(self) -> None:
        """Let the worker stop listening, disconnect its clients in batches, and exit."""
        self._writer.close()

    def stop(self, number: signal.Signals) -> None:
        """Send the signal that stops a server.

        A worker that does not listen yet gets SIGTERM: it may not handle signals yet, and SIGINT
        would print a traceback.
        """
        self._send(number if self.is_listening else signal.SIGTERM)

    def kill(self) -> None:
        """Kill the process, unless it has ended."""
        self._send(signal.SIGKILL)

    def _send(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            self._process.send_signal(number)
