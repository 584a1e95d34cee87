"""Runs the server and other commands as processes in a folder, like an operator."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Protocol

from aiohttp import ClientSession

from tests.deadlines import ANSWER_SECONDS, PROCESS_SECONDS
from tests.e2e.forked_app import ForkedApp, fork_app
from tests.free_port import free_port

CHECKOUT = Path(__file__).parents[2]

_LOOK_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Finished:
    """The exit code and the output of a command."""

    code: int
    out: str
    err: str


class ServerProcess:
    """A process of ``python -m app run`` on a free port.

    The server can be started again after `stop`.

    Args:
        folder: The working directory.
        settings: The environment.
        is_forked: Whether `fork_app` starts the process. If False, a new interpreter runs the code
            in the folder, or the checkout's code if the folder contains no code.
    """

    def __init__(
        self, folder: Path, settings: Mapping[str, str], *, is_forked: bool = True
    ) -> None:
        self.folder = folder
        self.port = free_port()
        self.settings = {"PORT": str(self.port), **settings}
        self.out = ""
        self.err = ""
        self._is_forked = is_forked
        self._process: ForkedApp | Process | None = None
        self._readers: tuple[asyncio.Task[None], ...] = ()
        self._listening = asyncio.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    async def start(self, *options: str) -> None:
        self._listening.clear()
        spawn = _fork if self._is_forked else _spawn
        self._process = await spawn(self.folder, self.settings, "run", *options)
        self._readers = (
            asyncio.create_task(self._read_out()),
            asyncio.create_task(self._read_err()),
        )
        listening = asyncio.create_task(self._listening.wait())
        await asyncio.wait(
            {listening, self._readers[0]}, timeout=PROCESS_SECONDS, return_when="FIRST_COMPLETED"
        )
        listening.cancel()
        assert self._listening.is_set(), f"the server did not start: {self.err}"
        async with asyncio.timeout(ANSWER_SECONDS), ClientSession() as http:
            while not await self._is_ready(http):  # noqa: ASYNC110 - there is no event to wait for
                await asyncio.sleep(_LOOK_SECONDS)

    async def stop(self) -> None:
        """Stop the server like Ctrl-C. Fails unless it exits with code 0."""
        assert self._process is not None
        self._process.send_signal(signal.SIGINT)
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                code = await self._process.wait()
        except TimeoutError:
            self._process.kill()
            raise
        await asyncio.gather(*self._readers)
        assert code == 0, f"exit code {code}: {self.err}"

    def signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    async def ended(self) -> int:
        """Wait for the exit code after a signal."""
        assert self._process is not None
        async with asyncio.timeout(PROCESS_SECONDS):
            code = await self._process.wait()
        await asyncio.gather(*self._readers)
        return code

    async def kill(self) -> None:
        """Kill the process. A test must start the server again before it calls `stop`."""
        assert self._process is not None
        self._process.kill()
        await self._process.wait()
        await asyncio.gather(*self._readers)

    async def token(
        self, user_id: str, ttl_seconds: int = 60, session_id: str | None = None
    ) -> str:
        wanted = {"userId": user_id, "ttlSeconds": ttl_seconds, "sessionId": session_id}
        async with (
            ClientSession() as http,
            http.post(f"{self.url}/dev/token", json=wanted) as answer,
        ):
            assert answer.status == 200
            token: str = (await answer.json())["token"]
            return token

    async def command(self, *arguments: str, stdin: str = "") -> Finished:
        """Run another ``python -m app`` command with the same settings."""
        return await run_command(self.folder, self.settings, *arguments, stdin=stdin)

    async def _is_ready(self, http: ClientSession) -> bool:
        async with http.get(f"{self.url}/health/ready") as answer:
            return answer.status == HTTPStatus.OK

    async def _read_out(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            self.out += line.decode()
            if b"listening on" in line:
                self._listening.set()

    async def _read_err(self) -> None:
        assert self._process is not None
        assert self._process.stderr is not None
        async for line in self._process.stderr:
            self.err += line.decode()


class Serve(Protocol):
    """Starts a server with these settings, which the fixture stops."""

    async def __call__(self, **settings: str) -> ServerProcess:
        """Return the server when it is ready."""


@asynccontextmanager
async def running(
    folder: Path, settings: Mapping[str, str], *, is_forked: bool = True
) -> AsyncIterator[ServerProcess]:
    """Run a server inside the block."""
    server = ServerProcess(folder, settings, is_forked=is_forked)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


async def run_command(
    folder: Path, settings: Mapping[str, str], *arguments: str, stdin: str = ""
) -> Finished:
    """Run ``python -m app ARGUMENTS`` until it exits."""
    process = await _fork(folder, settings, *arguments)
    async with asyncio.timeout(PROCESS_SECONDS):
        out, err = await process.communicate(stdin.encode())
        code = await process.wait()
    return Finished(code, out.decode(), err.decode())


async def _fork(folder: Path, settings: Mapping[str, str], *arguments: str) -> ForkedApp:
    return await fork_app(folder, _environment(settings), *arguments)


async def _spawn(folder: Path, settings: Mapping[str, str], *arguments: str) -> Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "app", *arguments),
        cwd=folder,
        env=_environment(settings),
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE,
    )


def _environment(settings: Mapping[str, str]) -> dict[str, str]:
    # Ignore the developer's environment variables, which would change the result of a test.
    return {"PATH": os.environ["PATH"], "PYTHONPATH": str(CHECKOUT), **settings}
