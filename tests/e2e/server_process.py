"""The server as an operator runs it, and the other commands: processes in their own folder."""

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
    """A command that has ended."""

    code: int
    out: str
    err: str


class ServerProcess:
    """``python -m app run`` on a port of its own; it may be started again after `stop`.

    Args:
        folder: Where it runs.
        settings: Its environment.
        is_forked: As `fork_app` does; else by an interpreter of its own, which runs the code that
            stands in the folder, if there is some.
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
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """Of the process that runs."""
        assert self._process is not None
        return self._process.pid

    async def start(self) -> None:
        """Run it until it says that it listens, and is ready."""
        self._listening.clear()
        spawn = _fork if self._is_forked else _spawn
        self._process = await spawn(self.folder, self.settings, "run")
        self._readers = (
            asyncio.create_task(self._read_out()),
            asyncio.create_task(self._read_err()),
        )
        listening = asyncio.create_task(self._listening.wait())
        await asyncio.wait(
            {listening, self._readers[0]}, timeout=PROCESS_SECONDS, return_when="FIRST_COMPLETED"
        )
        listening.cancel()
        assert self._listening.is_set(), f"it did not start: {self.err}"
        async with asyncio.timeout(ANSWER_SECONDS), ClientSession() as http:
            while not await self._is_ready(http):  # noqa: ASYNC110 - it tells no event
                await asyncio.sleep(_LOOK_SECONDS)

    async def stop(self) -> None:
        """Ctrl-C: it has to end, and well."""
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

    async def kill(self) -> None:
        """Have it end without a word; start it again before it is stopped."""
        assert self._process is not None
        self._process.kill()
        await self._process.wait()
        await asyncio.gather(*self._readers)

    async def token(
        self, user_id: str, ttl_seconds: int = 60, session_id: str | None = None
    ) -> str:
        """A session token of the development issuer."""
        wanted = {"userId": user_id, "ttlSeconds": ttl_seconds, "sessionId": session_id}
        async with (
            ClientSession() as http,
            http.post(f"{self.url}/dev/token", json=wanted) as answer,
        ):
            assert answer.status == 200
            token: str = (await answer.json())["token"]
            return token

    async def command(self, *arguments: str, stdin: str = "") -> Finished:
        """Another ``python -m app`` with the same settings."""
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
    """Starts a server with these settings; whoever hands this out stops it."""

    async def __call__(self, **settings: str) -> ServerProcess:
        """The server, ready."""


@asynccontextmanager
async def running(
    folder: Path, settings: Mapping[str, str], *, is_forked: bool = True
) -> AsyncIterator[ServerProcess]:
    """A server from its start to its clean end."""
    server = ServerProcess(folder, settings, is_forked=is_forked)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


async def run_command(
    folder: Path, settings: Mapping[str, str], *arguments: str, stdin: str = ""
) -> Finished:
    """``python -m app ARGUMENTS`` from start to end."""
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
    # Nothing of the developer's own: neither the environment nor an .env in the working directory.
    return {"PATH": os.environ["PATH"], "PYTHONPATH": str(CHECKOUT), **settings}
