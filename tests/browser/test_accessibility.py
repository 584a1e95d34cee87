from collections.abc import AsyncIterator

from tests.browser.browser import Tab, Window
from tests.browser.test_chatting import REFUSED_BY_THE_SERVER, message
from tests.e2e.server_process import ServerProcess

EXPIRED_BEYOND_SKEW = -60


async def objections(tab: Tab, state: str) -> list[str]:
    """Return the violations that axe-core finds in this state, in both colour schemes."""
    found = []
    for scheme in ("light", "dark"):
        await tab.page("emulateMedia", {"colorScheme": scheme, "reducedMotion": "reduce"})
        found += [f"{state}, {scheme}: {each}" for each in await tab.objections()]
    return found


async def test_page_meets_wcag_aa_when_it_is_checked_in_every_state(
    window: Window, server: ServerProcess, bob: Tab
) -> None:
    alice = await window.tab()
    found = []

    for states in (
        beginning(alice, server),
        conversation(alice, bob),
        failures(alice),
        narrow_screen(alice),
        lost_connections(alice, bob, server),
    ):
        async for tab, state in states:
            found += await objections(tab, state)

    assert not found, "\n\n".join(found)


CUT_OFF = """() => [...document.querySelectorAll("#conversation *")].filter((each) => {
  const { left, right } = each.getBoundingClientRect();
  return left < 0 || right > innerWidth;
}).map((each) => each.outerHTML.slice(0, 80))"""

States = AsyncIterator[tuple[Tab, str]]


async def beginning(alice: Tab, server: ServerProcess) -> States:
    """Show the choice of users, and an empty channel."""
    await alice.page("goto", server.url)
    await alice.sees("#users a:focus")
    yield alice, "welcome"
    await alice.click("#users a:has-text('Alice')")
    await alice.is_online()
    yield alice, "empty"


async def conversation(alice: Tab, bob: Tab) -> States:
    """Show edited, deleted and unread messages, and a typing indicator."""
    await alice.say("helo")
    await bob.sees(message("helo"))
    await alice.sees(message("helo"))
    # Wait for the ack: a message that is SENDING cannot be edited.
    await alice.loses("li[data-status=SENDING]")
    await alice.press("ArrowUp")
    await alice.element(".edit textarea", "fill", "hello")
    yield alice, "editing"
    await alice.press("Enter")
    await alice.sees(f"{message('hello')} >> .edited")
    await alice.say("oh no")
    await alice.element(message("oh no"), "hover")
    await alice.click(f"{message('oh no')} >> role=button[name=Delete]")
    yield alice, "deleting"
    await alice.click("dialog >> role=button[name=Delete]")
    await alice.sees(message("This message was deleted."))
    await bob.say("hi there")
    await alice.sees(message("hi there"))
    await bob.click("#channels button:has-text('random')")
    await bob.say("over here")
    await alice.sees("#channels .badge")
    await bob.click("#channels button:has-text('general')")
    await bob.type("I am")
    await alice.sees("#typing:has-text('Bob is typing')")
    yield alice, "chatting, typing"


async def failures(alice: Tab) -> States:
    """Show messages that the server refused, and messages that wait for the connection."""
    await alice.say(REFUSED_BY_THE_SERVER)
    await alice.sees("li[data-status=FAILED] .failure")
    yield alice, "failed"
    await alice.click(".failure button:has-text('Edit')")
    await alice.sees(".edit textarea:focus")
    yield alice, "editing a failed message"
    await alice.press("Escape")
    await alice.click("#toggle-connection")
    await alice.say("from a tunnel")
    await alice.sees("li[data-status=SENDING]")
    await alice.element(message("hello"), "hover")
    await alice.click(f"{message('hello')} >> role=button[name=Edit]")
    await alice.element(".edit textarea", "fill", "hello, hello")
    await alice.press("Enter")
    await alice.sees(".edit .failure:has-text('Not saved.')")
    await alice.element("#draft", "fill", "x" * 4_001)
    yield alice, "offline, sending, edit not saved, too long"


async def narrow_screen(alice: Tab) -> States:
    """Show the conversation on a small phone."""
    await alice.page("setViewportSize", {"width": 320, "height": 640})
    assert [] == await alice.evaluate(CUT_OFF)
    yield alice, "narrow"
    await alice.click("#open-sidebar")
    await alice.sees("#close-sidebar:focus")
    yield alice, "drawer"


async def lost_connections(alice: Tab, bob: Tab, server: ServerProcess) -> States:
    """Show an invalid token, a lost connection, and a page that could not load."""
    await alice.get_tokens_that_live(EXPIRED_BEYOND_SKEW)
    await alice.page("reload")
    await alice.sees("body[data-phase=refused]")
    yield alice, "refused"
    await server.stop()
    await bob.sees("body[data-phase=lost]")
    yield bob, "reconnecting"
    await server.start()
    await bob.block("**/dev/users")
    await bob.page("reload")
    await bob.sees("#trouble")
    yield bob, "trouble"


async def test_avatar_can_be_read_when_it_has_any_colour(alice: Tab) -> None:
    """An avatar's colour depends on the user's id, so this test checks every second hue."""
    await alice.evaluate(SHOW_AVATARS)

    found = await objections(alice, "avatars")

    unreadable = [each for each in found if "color-contrast" in each]
    assert not unreadable, "\n\n".join(unreadable)


SHOW_AVATARS = """async () => {
  const { avatar } = await import("/web/dom.js");
  const all = Array.from({ length: 180 }, (_, index) => {
    const disc = avatar("user", "");
    disc.removeAttribute("aria-hidden");
    disc.textContent = "AB"; // axe-core ignores single letters
    disc.style.setProperty("--hue", String(index * 2));
    return disc;
  });
  document.getElementById("messages").replaceChildren(...all);
}"""
