import asyncio
import fcntl
import os
import pty
import termios
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import ClientSession

from tests.deadlines import ANSWER_SECONDS, PROCESS_SECONDS
from tests.e2e.js_client import JsClient, JsDriver
from tests.e2e.server_process import CHECKOUT
from tests.free_port import free_port

_CTRL_C = b"\x03"


class Terminal:
    """Runs ``make run`` in a terminal, on a free port and with a separate data folder."""

    def __init__(self, port: int, process: Process, keyboard: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.process = process
        self._keyboard = keyboard
        self._screen = b""
        self._grown = asyncio.Event()
        asyncio.get_running_loop().add_reader(keyboard, self._read)

    async def shows(self, text: str, times: int = 1) -> None:
        """Wait until the screen has shown the text this many times."""
        async with asyncio.timeout(PROCESS_SECONDS):
            while self._screen.count(text.encode()) < times:
                self._grown.clear()
                await self._grown.wait()

    def type(self, keys: bytes) -> None:
        os.write(self._keyboard, keys)

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._keyboard)
        os.close(self._keyboard)

    def _read(self) -> None:
        try:
            self._screen += os.read(self._keyboard, 65_536)
        except OSError:  # The last process of this terminal has ended.
            asyncio.get_running_loop().remove_reader(self._keyboard)
        self._grown.set()


@asynccontextmanager
async def make_run(data_dir: Path) -> AsyncIterator[Terminal]:
    """Start ``make run`` in a terminal, and kill it after the test if it still runs."""
    port, (keyboard, screen) = free_port(), pty.openpty()
    process = await asyncio.create_subprocess_exec(
        *("make", "--no-print-directory", "run"),
        cwd=CHECKOUT,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(data_dir),
            "PORT": str(port),
            "DATA_DIR": str(data_dir),
        },
        stdin=screen,
        stdout=screen,
        stderr=screen,
        start_new_session=True,
        preexec_fn=_take_terminal,
    )
    os.close(screen)
    terminal = Terminal(port, process, keyboard)
    try:
        yield terminal
    finally:
        if process.returncode is None:
            os.killpg(process.pid, 9)
            await process.wait()
        terminal.close()


def _take_terminal() -> None:
    # This runs in the new process: its standard input becomes the terminal, which sends Ctrl-C.
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


async def connected(terminal: Terminal, driver: JsDriver, user_id: str) -> JsClient:
    """Connect a demo user with a token of the development issuer."""
    async with (
        ClientSession() as http,
        http.post(f"{terminal.url}/dev/token", json={"userId": user_id}) as answer,
    ):
        token = (await answer.json())["token"]
    client = driver.connect(terminal.url, user_id, {"token": token})
    await client.sees("connect")
    return client


async def test_make_run_serves_reloads_and_ends_when_a_newcomer_uses_it(
    driver: JsDriver, tmp_path: Path
) -> None:
    """Two clients chat and reconnect after a reload; then Ctrl-C stops the server with code 0."""
    async with make_run(tmp_path) as terminal:
        await terminal.shows("Ctrl-C stops the server.")
        alice = await connected(terminal, driver, "user_alice")
        bob = await connected(terminal, driver, "user_bob")

        await alice.ask("sendMessage", {"content": "hello", "channelId": "general"})
        assert "hello" == (await bob.sees("message.created"))["content"]

        (CHECKOUT / "app" / "__init__.py").touch()
        assert ["transport close"] * 2 == [await each.sees("disconnect") for each in (alice, bob)]
        for each in (alice, bob):
            await each.sees("connect")
        count = await bob.ask("message:getOfflineCount")
        assert 1 == count["data"]["count"]

        terminal.type(_CTRL_C)
        async with asyncio.timeout(ANSWER_SECONDS):
            assert 0 == await terminal.process.wait()
        assert "transport close" == await alice.sees("disconnect")
        alice.disconnect()
        bob.disconnect()
