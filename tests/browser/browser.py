"""Controls Chromium through ``js/driver.mjs``: windows, tabs, and a user's actions."""

import asyncio
from itertools import count
from pathlib import Path
from typing import Any

from tests.deadlines import PROCESS_SECONDS
from tests.node_driver import NodeDriver

JS_FOLDER = Path(__file__).parent / "js"


class Tab:
    """A browser tab in which one user is signed in."""

    def __init__(self, browser: "Browser", number: int) -> None:
        self._browser = browser
        self._number = number

    async def page(self, method: str, *args: object) -> Any:
        """Call a method of Playwright's ``Page``."""
        return await self._ask("page", method=method, args=args)

    async def sign_in(self, url: str, name: str) -> None:
        """Open the page, choose the demo user, and wait for the connection."""
        await self.page("goto", url)
        await self.click(f"#users a:has-text('{name}')")
        await self.is_online()

    async def is_online(self) -> None:
        await self.sees("body[data-phase=online]")

    async def sees(self, selector: str) -> None:
        """Wait until the first matching element is visible."""
        await self.element(f"{selector} >> nth=0", "waitFor")

    async def loses(self, selector: str) -> None:
        """Wait until the first matching element is hidden or removed."""
        await self.element(f"{selector} >> nth=0", "waitFor", {"state": "hidden"})

    async def click(self, selector: str) -> None:
        await self.element(selector, "click")

    async def text(self, selector: str) -> str:
        text: str = await self.element(selector, "innerText")
        return text

    async def texts(self, selector: str) -> list[str]:
        texts: list[str] = await self.element(selector, "allInnerTexts")
        return texts

    async def say(self, content: str) -> None:
        await self.element("#draft", "fill", content)
        await self.press("Enter")

    async def press(self, *keys: str) -> None:
        for key in keys:
            await self._ask("keyboard", method="press", args=(key,))

    async def type(self, text: str) -> None:
        await self._ask("keyboard", method="type", args=(text,))

    async def element(self, selector: str, method: str, *args: object) -> Any:
        """Call a method of Playwright's ``Locator``."""
        return await self._ask("element", selector=selector, method=method, args=args)

    async def evaluate(self, source: str) -> Any:
        """Call a JavaScript function without parameters in the page, and return its result."""
        return await self._ask("evaluate", source=source)

    async def get_tokens_that_live(self, ttl_seconds: int) -> None:
        """Answer token requests with tokens of this lifetime, or with expired ones if negative."""
        await self._ask("tokenLife", ttlSeconds=ttl_seconds)

    async def get_the_token(self, token: str) -> None:
        """Answer every token request of the page with this token."""
        await self._ask("fixedToken", token=token)

    async def block(self, pattern: str, text: str | None = None) -> None:
        """Abort requests for these addresses, or answer 404 with the text if one is given."""
        await self._ask("block", pattern=pattern, text=text)

    async def unblock(self) -> None:
        """Allow all requests again, and stop replacing tokens."""
        await self._ask("unblock")

    async def problems(self) -> list[str]:
        """Return the errors in the browser's console."""
        problems: list[str] = await self._ask("problems")
        return problems

    async def objections(self) -> list[str]:
        objections: list[str] = await self._ask("objections")
        return objections

    async def _ask(self, command: str, **parameters: object) -> Any:
        return await self._browser.ask(command, tab=self._number, **parameters)


class Window:
    """A browser window without history. The tabs of a window share storage."""

    def __init__(self, browser: "Browser", number: int) -> None:
        self._browser = browser
        self._number = number
        self.tabs: list[Tab] = []

    async def tab(self) -> Tab:
        number = next(self._browser.numbers)
        await self._browser.ask("openTab", window=self._number, tab=number)
        tab = Tab(self._browser, number)
        self.tabs.append(tab)
        return tab

    async def close(self) -> None:
        await self._browser.ask("closeWindow", window=self._number)


class Browser(NodeDriver):
    """Chromium, and the Node process that controls it."""

    def __init__(self, executable: str) -> None:
        super().__init__(JS_FOLDER, executable)
        self.numbers = count()
        self._answers: dict[int, asyncio.Future[Any]] = {}

    async def window(self, **options: object) -> Window:
        """Open a window with the given options of Playwright's ``newContext``."""
        number = next(self.numbers)
        await self.ask("openWindow", window=number, options=options)
        return Window(self, number)

    async def ask(self, command: str, **parameters: object) -> Any:
        """Send a command and return its result.

        Raises:
            AssertionError: The command failed, or the process has exited.
        """
        number = next(self.numbers)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        self.send({"id": number, "command": command, **parameters})
        assert self.reader is not None
        async with asyncio.timeout(PROCESS_SECONDS):
            await asyncio.wait({answer, self.reader}, return_when="FIRST_COMPLETED")
        assert answer.done(), "the browser's process has exited"
        return answer.result()

    async def handle(self, report: dict[str, Any]) -> None:
        answer = self._answers.pop(report["id"])
        if "error" in report:
            answer.set_exception(AssertionError(report["error"]))
        else:
            answer.set_result(report.get("result"))
