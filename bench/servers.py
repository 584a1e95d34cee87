"""Runs the process of a measured server, on a separate core if possible."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.credentials import Credentials
from bench.failure import BenchError
from bench.folders import CHECKOUT, WORK
from bench.measured_servers import Peer
from tests.free_port import free_port

_START_SECONDS = 30.0
_STOP_SECONDS = 10.0
_BEFORE_SECONDS = 60.0
_RETRY_SECONDS = 0.05
_SETTLE_SECONDS = 0.4
_SQLITE_FILES = ("", "-wal", "-shm", "-journal")


@dataclass(frozen=True, slots=True)
class Cores:
    """The cores of the server and of the load; both None if there is only one core."""

    server: int | None
    load: int | None

    @classmethod
    def of_this_machine(cls) -> "Cores":
        """Return the first two cores that this process may use."""
        usable = sorted(os.sched_getaffinity(0))
        return cls(*usable[:2]) if len(usable) > 1 else cls(None, None)


@dataclass(frozen=True, slots=True)
class RunningServer:
    """A server that accepts connections."""

    pid: int
    port: int


@contextmanager
def running(peer: Peer, made: Credentials, cores: Cores) -> Iterator[RunningServer]:
    """Start the server, and stop it at the end of the block.

    Raises:
        BenchError: The server did not start; the text names the log file.
    """
    port = free_port()
    environment = {"PATH": os.environ["PATH"], "PORT": str(port), **peer.environment(made)}
    log = WORK / f"{peer.name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    _check_installed(peer)
    with log.open("w") as out:
        _prepare(peer, environment)
        process = subprocess.Popen(
            peer.command, cwd=CHECKOUT, env=environment, stdout=out, stderr=out
        )
        try:
            if cores.server is not None:
                os.sched_setaffinity(process.pid, {cores.server})
            _wait_until_listening(process, port, log)
            time.sleep(_SETTLE_SECONDS)
            yield RunningServer(process.pid, port)
        finally:
            _end(process)


def _check_installed(peer: Peer) -> None:
    if shutil.which(peer.command[0]) is None:
        raise BenchError(f"{peer.title} needs Node.js 20 or newer; see nodejs.org.")
    if peer.packages is not None and not (peer.packages / "node_modules").exists():
        raise BenchError(f"{peer.title} is not installed; make bench and make storage install it.")


def _prepare(peer: Peer, environment: dict[str, str]) -> None:
    if peer.database is not None:
        for end in _SQLITE_FILES:
            peer.database.with_name(peer.database.name + end).unlink(missing_ok=True)
    if peer.before:
        done = subprocess.run(
            peer.before,
            cwd=CHECKOUT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=_BEFORE_SECONDS,
            check=False,
        )
        if done.returncode:
            raise BenchError(f"{peer.title} could not be prepared: {done.stderr.strip()}")


def _wait_until_listening(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(_RETRY_SECONDS)
        else:
            return
    raise BenchError(f"the server did not start; see {log}.")


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
