from tests.browser.browser import Tab, Window
from tests.browser.test_chatting import REFUSED_BY_THE_SERVER, message
from tests.e2e.server_process import ServerProcess

LIMIT = 4_000

MISSING_ICONS = """() => {
  const names = [...document.querySelectorAll("use")].map((use) => use.getAttribute("href"));
  return names.filter((name) => !name.startsWith("#") || !document.querySelector(name));
}"""


async def test_message_stays_in_the_composer_when_it_is_too_long(alice: Tab, bob: Tab) -> None:
    """A counter shows the excess characters, counted as the server counts them."""
    await alice.element("#draft", "fill", "  " + "\N{GRINNING FACE}" * (LIMIT + 2) + "\n")
    await alice.sees("#draft-count:has-text('4,002 of 4,000 characters: 2 too many')")
    await alice.element("#draft", "press", "Enter")
    await alice.sees("#announcer:has-text('Not sent. The message is 2 characters too long.')")
    refused = await alice.element("#messages li", "count")

    await alice.element("#draft", "press", "Backspace")
    await alice.press("Backspace", "Backspace")
    await alice.sees("#draft-count:has-text('4,000 of 4,000 characters')")
    await alice.press("Enter")

    await bob.sees("li.message")
    assert 0 == refused
    assert "" == await alice.element("#draft", "inputValue")


async def test_edit_is_not_saved_when_it_is_too_long_or_empty(alice: Tab) -> None:
    """An edit has the same limit and the same counter as a new message."""
    await alice.say("short")
    await alice.sees("li[data-status=SENT], li[data-status=DELIVERED]")
    await alice.press("ArrowUp")

    await alice.element(".edit textarea", "fill", "x" * (LIMIT + 1))
    await alice.press("Enter")
    await alice.sees(".edit .failure:has-text('The message is 1 character too long.')")
    await alice.sees(".edit .count:has-text('1 too many')")
    await alice.element(".edit textarea", "fill", "\N{BRAILLE PATTERN BLANK}")
    await alice.press("Enter")

    await alice.sees(".edit .failure:has-text('A message cannot be empty.')")


async def test_nothing_is_sent_when_a_message_is_invisible(alice: Tab, bob: Tab) -> None:
    """The server would reject zero width spaces and fillers as empty messages."""
    for content in (" \n", "\N{ZERO WIDTH SPACE}", "\N{HANGUL FILLER}\N{VARIATION SELECTOR-16}"):
        await alice.say(content)
    await alice.say("visible")

    await bob.sees(message("visible"))
    await alice.sees(message("visible"))
    assert 1 == await alice.element("#messages li", "count")


async def test_page_is_as_it_was_when_it_is_loaded_again(
    window: Window, server: ServerProcess, bob: Tab
) -> None:
    """The page restores the channel, drafts and unsent messages, and sends each message once."""
    alice = await window.tab()
    await alice.sign_in(server.url, "Alice")
    await alice.element("#draft", "fill", "half a thou")
    await alice.click("#channels button:has-text('random')")
    await alice.say(REFUSED_BY_THE_SERVER)
    await alice.sees("li[data-status=FAILED]")
    await alice.click("#toggle-connection")
    await alice.say("from a tunnel")
    await alice.sees("li[data-status=SENDING]")
    await bob.click("#channels button:has-text('random')")

    await alice.page("reload")
    await alice.is_online()
    await bob.sees(message("from a tunnel"))
    await alice.loses("li[data-status=SENDING]")
    await alice.page("reload")
    await alice.is_online()

    assert "# random" == await alice.text("#channel-name")
    await alice.sees(message("from a tunnel"))
    await alice.sees("li[data-status=FAILED] .failure")
    assert ["from a tunnel"] == await bob.texts("#messages .content")
    await alice.click("#channels button:has-text('general')")
    assert "half a thou" == await alice.element("#draft", "inputValue")


async def test_two_tabs_of_a_user_send_each_message_once_when_one_was_copied(
    window: Window, server: ServerProcess, bob: Tab
) -> None:
    """A browser that duplicates a tab also copies the tab's session storage."""
    tabs = [await window.tab() for _ in range(2)]
    await tabs[0].sign_in(server.url, "Alice")
    await tabs[0].click("#toggle-connection")
    await tabs[0].say("only once")
    await tabs[0].sees("li[data-status=SENDING]")
    unsent = await tabs[0].evaluate("() => JSON.stringify({ ...sessionStorage })")
    await tabs[1].page("addInitScript", {"content": f"Object.assign(sessionStorage, {unsent});"})

    await tabs[1].sign_in(server.url, "Alice")
    await tabs[1].loses("li[data-status=SENDING]")
    await tabs[0].click("#toggle-connection")
    await tabs[0].loses("li[data-status=SENDING]")

    for tab in (*tabs, bob):
        assert ["only once"] == await tab.texts("#messages .content")


async def test_icons_need_no_network_when_the_page_is_offline(alice: Tab) -> None:
    await alice.click("#toggle-connection")
    await alice.say("from a tunnel")
    await alice.sees("li[data-status=SENDING] .ticks svg")

    assert [] == await alice.evaluate(MISSING_ICONS)
