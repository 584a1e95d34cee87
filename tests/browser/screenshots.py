"""Takes the docs' screenshots of the page: both themes, and a phone (``make screenshots``)."""

import asyncio
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.browser.browser import Browser, Tab
from tests.browser.chromium import MISSING, find_chromium
from tests.e2e.server_process import CHECKOUT, running

IMAGES = CHECKOUT / "docs" / "images"

WIDE = {"width": 1280, "height": 760}
NARROW = {"width": 390, "height": 760}


async def take_screenshots(executable: str) -> None:
    """Write the screenshots; they use the font Inter if it is installed."""
    browser = Browser(executable)
    await browser.start()
    with TemporaryDirectory() as folder:
        async with running(Path(folder), {}) as server:
            window = await browser.window(viewport=WIDE, locale="en-GB", deviceScaleFactor=1)
            alice, bob, carol = [await window.tab() for _ in range(3)]
            for tab, name in ((alice, "Alice"), (bob, "Bob"), (carol, "Carol")):
                await tab.sign_in(server.url, name)
            await _converse(alice, bob, carol)
            for theme in ("light", "dark"):
                await alice.page("emulateMedia", {"colorScheme": theme})
                await _shoot(alice, f"page-{theme}")
            await alice.page("setViewportSize", NARROW)
            await alice.loses("#channels")  # Wait until the drawer has closed.
            await alice.page("emulateMedia", {"colorScheme": "light"})
            await _shoot(alice, "page-narrow")
    await browser.stop()


async def _converse(alice: Tab, bob: Tab, carol: Tab) -> None:
    await _say(alice, "Morning! The new gateway is up.", bob, carol)
    await _say(
        alice,
        "Same events, same acks, same tokens. The frontend did not change a line.",
        *(bob, carol),
    )
    await _say(carol, "I moved my tab over and noticed nothing. Well done.", alice, bob)
    await _say(bob, "And when my token runs out in a minute?", alice, carol)
    await _say(
        alice,
        "The page hands in a fresh one in time, on the same connection. Watch the bar on the left.",
        *(bob, carol),
    )
    await bob.click("#channels button:has-text('random')")
    await _say(bob, "Lunch at noon?")
    await alice.sees("#channels .badge")
    await bob.click("#channels button:has-text('general')")
    await carol.click("#toggle-connection")
    await _say(alice, "It also survives a restart of the server, by the way.", bob)
    await alice.sees(".message:last-child[data-status=SENT]")
    await bob.type("Let me try that")
    await alice.sees("#typing:has-text('Bob is typing')")


async def _say(tab: Tab, content: str, *others: Tab) -> None:
    await tab.say(content)
    for other in others:
        await other.sees(f"li.message:has-text('{content}')")


async def _shoot(tab: Tab, name: str) -> None:
    await tab.page("screenshot", {"path": str(IMAGES / f"{name}.png"), "animations": "disabled"})


if __name__ == "__main__":
    chromium = find_chromium()
    if chromium is None:
        sys.exit(MISSING)
    asyncio.run(take_screenshots(chromium))
