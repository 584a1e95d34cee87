import asyncio

import pytest_asyncio

from tests.browser.browser import Tab
from tests.browser.test_chatting import message

FIELD = ".edit textarea"


@pytest_asyncio.fixture(loop_scope="session")
async def author(alice: Tab) -> Tab:
    """Alice's tab, after she has sent two messages."""
    for content in ("first", "second"):
        await alice.say(content)
        await alice.sees(f"{message(content)}[data-status=SENT]")
    return alice


async def edit(tab: Tab, content: str) -> None:
    await tab.element(message(content), "hover")
    await tab.click(f"{message(content)} >> role=button[name=Edit]")


async def test_edit_keeps_what_was_typed_when_it_fails(author: Tab, bob: Tab) -> None:
    """The form shows the reason for the failure, and can be saved again."""
    await edit(author, "second")
    await author.element(FIELD, "fill", "second, and long thought about")
    await author.click("#toggle-connection")
    await author.element(FIELD, "press", "Enter")
    await author.sees(".edit .failure:has-text('Not saved. Not connected.')")

    kept = await author.element(FIELD, "inputValue")
    await author.click("#toggle-connection")
    await author.is_online()
    await author.element(FIELD, "press", "Enter")

    assert "second, and long thought about" == kept
    await author.loses(".edit")
    await bob.sees(message("second, and long thought about"))


async def test_edit_opens_when_the_message_is_read_during_the_click(alice: Tab, bob: Tab) -> None:
    """Drawing the new ticks between press and release does not lose the click."""
    await alice.click("#channels button:has-text('random')")
    await alice.say("first")
    await alice.sees(f"{message('first')}[data-status=DELIVERED]")
    await alice.element(message("first"), "hover")

    button = f"{message('first')} >> role=button[name=Edit]"
    clicking = asyncio.create_task(alice.element(button, "click", {"delay": 3_000}))
    await alice.sees(f"{message('first')} button:active")
    await bob.click("#channels button:has-text('random')")
    await alice.sees(f"{message('first')}[data-status=READ]")
    await clicking

    assert "first" == await alice.element(FIELD, "inputValue")


async def test_edit_is_left_when_another_begins(author: Tab) -> None:
    """Starting another edit closes the first form, and the first message keeps its text."""
    await edit(author, "first")
    await author.element(FIELD, "fill", "never saved")
    await edit(author, "second")

    assert 1 == await author.element(FIELD, "count")
    assert "second" == await author.element(FIELD, "inputValue")
    assert ["first"] == await author.texts("#messages .content")


async def test_edit_waits_with_its_text_when_the_author_looks_elsewhere(
    author: Tab, bob: Tab
) -> None:
    """The unsaved text survives a visit to another channel, and the arrival of a new message."""
    await edit(author, "first")
    await author.element(FIELD, "fill", "half a thou")
    await author.click("#channels button:has-text('random')")
    await author.loses(".edit")
    await author.click("#channels button:has-text('general')")
    await bob.say("news")
    await author.sees(message("news"))

    assert "half a thou" == await author.element(FIELD, "inputValue")
