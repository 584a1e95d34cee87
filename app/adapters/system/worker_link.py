"""The connection between a worker process and the supervisor that started it."""

import asyncio
import json
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from app.ports import Membership


@dataclass(frozen=True, slots=True)
class WorkerLink:
    """A worker's end of the connection, with what the worker inherited.

    Attributes:
        sockets: The sockets on which the worker listens. They are bound already.
        connection: A stream socket. The worker sends one line when it listens. The supervisor sends
            nothing: it closes its end to release the worker, and the kernel closes it when the
            supervisor dies.
    """

    sockets: Sequence[socket.socket]
    connection: socket.socket

    def report_listening(self, url: str, seeded: Membership) -> None:
        """Report to the supervisor that this worker accepts clients. Blocks until it is written."""
        line = json.dumps({"url": url, "seeded": seeded}) + "\n"
        with suppress(BrokenPipeError):  # the supervisor has died, so `when_released` calls back
            self.connection.sendall(line.encode())

    def when_released(self, callback: Callable[[], None]) -> None:
        """Call the callback once when the supervisor releases this worker, or dies."""
        loop = asyncio.get_running_loop()

        def release() -> None:
            loop.remove_reader(self.connection)
            callback()

        loop.add_reader(self.connection, release)


@dataclass(frozen=True, slots=True)
class Listening:
    """What a worker reports when it accepts clients: its URL, and the seeded users' channels."""

    url: str
    seeded: Membership

    @classmethod
    def parse(cls, line: bytes) -> "Listening":
        """Read a line of `WorkerLink.report_listening`."""
        return cls(**json.loads(line))
