"""Chromium, driven by ``js/driver.mjs``: windows, their tabs, and what a person does in one."""

import asyncio
from itertools import count
from pathlib import Path
from typing import Any

from tests.deadlines import PROCESS_SECONDS
from tests.node_driver import NodeDriver

JS_FOLDER = Path(__file__).parent / "js"


class Tab:
    """One tab, and one user in it."""

    def __init__(self, browser: "Browser", number: int) -> None:
        self._browser = browser
        self._number = number

    async def page(self, method: str, *args: object) -> Any:
        """A method of Playwright's ``Page``."""
        return await self._ask("page", method=method, args=args)

    async def sign_in(self, url: str, name: str) -> None:
        """Open the page, pick the demo user, and wait until the connection is up."""
        await self.page("goto", url)
        await self.click(f"#users a:has-text('{name}')")
        await self.is_online()

    async def is_online(self) -> None:
        """Wait until the page says that it is connected."""
        await self.sees("body[data-phase=online]")

    async def sees(self, selector: str) -> None:
        """Wait until it is visible."""
        await self.element(f"{selector} >> nth=0", "waitFor")

    async def loses(self, selector: str) -> None:
        """Wait until it is not visible."""
        await self.element(f"{selector} >> nth=0", "waitFor", {"state": "hidden"})

    async def click(self, selector: str) -> None:
        """Click it, as soon as that is possible."""
        await self.element(selector, "click")

    async def text(self, selector: str) -> str:
        """What it says."""
        text: str = await self.element(selector, "innerText")
        return text

    async def texts(self, selector: str) -> list[str]:
        """What each of them says."""
        texts: list[str] = await self.element(selector, "allInnerTexts")
        return texts

    async def say(self, content: str) -> None:
        """Send a message."""
        await self.element("#draft", "fill", content)
        await self.press("Enter")

    async def press(self, *keys: str) -> None:
        """On the keyboard, wherever the focus is."""
        for key in keys:
            await self._ask("keyboard", method="press", args=(key,))

    async def type(self, text: str) -> None:
        """Key by key."""
        await self._ask("keyboard", method="type", args=(text,))

    async def element(self, selector: str, method: str, *args: object) -> Any:
        """A method of Playwright's ``Locator``."""
        return await self._ask("element", selector=selector, method=method, args=args)

    async def evaluate(self, source: str) -> Any:
        """What a JavaScript function without parameters returns in the page."""
        return await self._ask("evaluate", source=source)

    async def get_tokens_that_live(self, ttl_seconds: int) -> None:
        """From now on; a negative one has expired already."""
        await self._ask("tokenLife", ttlSeconds=ttl_seconds)

    async def get_the_token(self, token: str) -> None:
        """Whenever it asks for one."""
        await self._ask("fixedToken", token=token)

    async def block(self, pattern: str, text: str | None = None) -> None:
        """Let no request for such an address come through; answer 404 if there is a text."""
        await self._ask("block", pattern=pattern, text=text)

    async def unblock(self) -> None:
        """Let requests through as they are: neither blocked nor with other tokens."""
        await self._ask("unblock")

    async def problems(self) -> list[str]:
        """What the browser's console has of errors."""
        problems: list[str] = await self._ask("problems")
        return problems

    async def objections(self) -> list[str]:
        """Return what axe-core objects to in the page as it is now."""
        objections: list[str] = await self._ask("objections")
        return objections

    async def _ask(self, command: str, **parameters: object) -> Any:
        return await self._browser.ask(command, tab=self._number, **parameters)


class Window:
    """A window without history."""

    def __init__(self, browser: "Browser", number: int) -> None:
        self._browser = browser
        self._number = number
        self.tabs: list[Tab] = []

    async def tab(self) -> Tab:
        """A new tab."""
        number = next(self._browser.numbers)
        await self._browser.ask("openTab", window=self._number, tab=number)
        tab = Tab(self._browser, number)
        self.tabs.append(tab)
        return tab

    async def close(self) -> None:
        """With all its tabs."""
        await self._browser.ask("closeWindow", window=self._number)


class Browser(NodeDriver):
    """The Node process that drives Chromium, and Chromium."""

    def __init__(self, executable: str) -> None:
        super().__init__(JS_FOLDER, executable)
        self.numbers = count()
        self._answers: dict[int, asyncio.Future[Any]] = {}

    async def window(self, **options: object) -> Window:
        """A new window; ``options`` are those of Playwright's ``newContext``."""
        number = next(self.numbers)
        await self.ask("openWindow", window=number, options=options)
        return Window(self, number)

    async def ask(self, command: str, **parameters: object) -> Any:
        """What the driver answers; an AssertionError if that is an error."""
        number = next(self.numbers)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        self.tell({"id": number, "command": command, **parameters})
        assert self.reader is not None
        async with asyncio.timeout(PROCESS_SECONDS):
            await asyncio.wait({answer, self.reader}, return_when="FIRST_COMPLETED")
        assert answer.done(), "the browser has ended"
        return answer.result()

    async def hear(self, told: dict[str, Any]) -> None:
        """An answer, or an error instead of it."""
        answer = self._answers.pop(told["id"])
        if "error" in told:
            answer.set_exception(AssertionError(told["error"]))
        else:
            answer.set_result(told.get("result"))
