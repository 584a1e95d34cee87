"""``make path``: prints the files and functions of ``app`` that run for one event."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType

from aiohttp import ClientSession, ClientWebSocketResponse
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from app.config.settings import Settings
from app.domain.ids import UserId
from app.framework import NestApplication
from app.main import create_application, seed, seed_of
from app.observability.logging import configure_logging
from app.ports import TokenIssuer
from bench.folders import CHECKOUT
from tests.free_port import free_port

_APP = f"{CHECKOUT / 'app'}{os.sep}"
_WARM_UP_EVENTS = 20
_REPETITIONS = 5
"""The number of recordings. The shortest is printed, because a timer may add calls to others."""
_ANSWER_SECONDS = 10.0
_HOST = "127.0.0.1"
_HOOK = "WsGateway.handle_connection"
"""The hook that runs after the guards and joins the rooms of the user's channels."""


class Recorder:
    """Records the calls of functions of ``app`` in the thread of the event loop.

    Attributes:
        calls: ``(file, function)`` in the order of the calls. Each time a coroutine resumes counts
            as a call.
    """

    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []
        self._is_on = False
        sys.setprofile(self._profile)

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Clear `calls`, and record the calls inside the block."""
        self.calls = []
        self._is_on = True
        try:
            yield
        finally:
            self._is_on = False

    def _profile(self, frame: FrameType, event: str, _: object) -> None:
        if self._is_on and event == "call" and frame.f_code.co_filename.startswith(_APP):
            file = frame.f_code.co_filename.removeprefix(_APP)
            self.calls.append((file, frame.f_code.co_qualname))


def report(title: str, calls: list[tuple[str, str]]) -> str:
    """Return the counts of one path, and a line for each file with the functions called."""
    moves = len(list(groupby(calls, key=lambda call: call[0]))) - 1
    functions = list(dict.fromkeys(calls))
    files = dict.fromkeys(file for file, _ in functions)
    lines = [f"{title}: {len(files)} files, {len(functions)} functions, {moves} moves"]
    for file in files:
        names = [name for each, name in functions if each == file]
        lines.append(f"  {file}: {', '.join(names)}")
    return "\n".join(lines)


class _DefaultSettings(Settings):
    """The default settings, so that every machine prints the same paths."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        *_: PydanticBaseSettingsSource,
        **__: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Ignore the environment and ``.env``."""
        del settings_cls
        return (init_settings,)


def default_settings(folder: Path) -> Settings:
    """Return the defaults, for a server whose SQLite file is in ``folder``."""
    # The server fetches the development issuer's keys from its own port, so choose the port here.
    return _DefaultSettings(host=_HOST, port=free_port(), data_dir=folder)


async def main() -> None:
    """Print the paths of sending a message and of connecting, on a warmed-up server with SQLite."""
    configure_logging("error", "console")
    recorder = Recorder()
    with TemporaryDirectory() as folder:
        settings = default_settings(Path(folder))
        async with _running(settings) as (app, url), ClientSession() as http:
            alice = await _connect(http, app, url, "user_alice")
            bob = await _connect(http, app, url, "user_bob")
            for number in range(_WARM_UP_EVENTS):
                await _send(alice, bob, number)
            paths = []
            for number in range(_REPETITIONS):
                with recorder.recording():
                    await _send(alice, bob, number)
                paths.append(recorder.calls)
            print(report("sendMessage", min(paths, key=len)))
            paths = []
            for _ in range(_REPETITIONS):
                carol, token = await _open(http, url), _token(app, "user_carol")
                with recorder.recording():
                    await _admit(carol, token)
                paths.append(recorder.calls)
                await carol.close()
            answered = min(paths, key=len)
            hook = next(at for at, (_, name) in enumerate(answered) if name == _HOOK)
            # Omit the call before the hook: `maybe_await`, which only awaits the hook.
            print(report("CONNECT until the guards admit the socket", answered[: hook - 1]))
            print(report("CONNECT until its answer", answered))


@asynccontextmanager
async def _running(settings: Settings) -> AsyncIterator[tuple[NestApplication, str]]:
    app = create_application(settings)
    await app.init()
    try:
        await seed(app, seed_of(settings))
        yield app, await app.listen(settings.port, settings.host)
    finally:
        await app.close()


async def _connect(
    http: ClientSession, app: NestApplication, url: str, user_id: str
) -> ClientWebSocketResponse:
    client = await _open(http, url)
    await _admit(client, _token(app, user_id))
    return client


async def _open(http: ClientSession, url: str) -> ClientWebSocketResponse:
    client = await http.ws_connect(f"{url}/socket.io/?EIO=4&transport=websocket")
    await _until(client, "0")
    return client


def _token(app: NestApplication, user_id: str) -> str:
    # The injector finds the provider, but mypy rejects a Protocol as argument (mypy issue 4717).
    issuer = app.get(TokenIssuer)  # type: ignore[type-abstract]
    return issuer.token(UserId(user_id))


async def _admit(client: ClientWebSocketResponse, token: str) -> None:
    await client.send_str("40" + json.dumps({"token": token}))
    await _until(client, "40")


async def _send(
    sender: ClientWebSocketResponse, member: ClientWebSocketResponse, number: int
) -> None:
    event = ["sendMessage", {"content": f"message {number}", "channelId": "general"}]
    await sender.send_str(f"42{number}" + json.dumps(event))
    await _until(member, '42["message.created"')
    await _until(sender, f"43{number}")


async def _until(client: ClientWebSocketResponse, start: str) -> None:
    async with asyncio.timeout(_ANSWER_SECONDS):
        while not (await client.receive_str()).startswith(start):
            pass


if __name__ == "__main__":
    asyncio.run(main())
