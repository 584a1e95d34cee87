from tests.browser.browser import Browser, Tab, Window
from tests.browser.test_chatting import REFUSED_BY_THE_SERVER, message
from tests.e2e.server_process import ServerProcess

PHONE = {"viewport": {"width": 360, "height": 640}, "hasTouch": True, "isMobile": True}

IS_WITHIN = "() => document.documentElement.scrollWidth <= document.documentElement.clientWidth"


async def test_everything_is_reached_when_there_is_only_a_keyboard(
    window: Window, server: ServerProcess, bob: Tab
) -> None:
    """A user can sign in, write, edit, delete and switch channels by keyboard."""
    alice = await window.tab()
    await alice.page("goto", server.url)
    await alice.sees("#users a:focus")

    await alice.press("Enter")
    await alice.is_online()
    await alice.sees("#draft:focus")
    await alice.type("helo")
    await alice.press("Enter")
    await bob.sees(message("helo"))
    await alice.sees(message("helo"))
    # Wait for the ack: a message that is SENDING cannot be edited.
    await alice.loses("li[data-status=SENDING]")
    await alice.press("ArrowUp", "Home", "Delete", "H", "End", "Enter")
    await bob.sees(message("Helo"))
    await alice.sees("#draft:focus")
    await alice.press("Shift+Tab")
    await alice.sees("li.message:focus")
    await alice.press("Tab", "Tab", "Enter")
    await alice.sees("dialog[open]")
    await alice.press("Tab", "Enter")
    await bob.sees(message("This message was deleted."))
    await alice.press("Shift+Tab", "Shift+Tab", "Shift+Tab", "Shift+Tab")
    await alice.sees("#channels button:has-text('random'):focus")
    await alice.press("Enter")

    await alice.sees("#channel-name:has-text('# random')")
    await alice.sees("#draft:focus")


async def test_focus_moves_between_messages_when_arrow_keys_are_pressed(
    alice: Tab, bob: Tab
) -> None:
    for content in ("one", "two", "three"):
        await alice.say(content)
    await bob.sees(message("three"))

    await bob.element(message("three"), "focus")
    await bob.press("ArrowUp")
    await bob.sees(f"{message('two')}:focus")
    await bob.press("Home")
    await bob.sees(f"{message('one')}:focus")

    assert 1 == await bob.element("li.message[tabindex='0']", "count")


async def test_focus_stays_where_it_is_when_the_ticks_of_a_message_change(
    alice: Tab, bob: Tab
) -> None:
    """The page redraws a message while one of the message's buttons has the focus."""
    await bob.click("#toggle-connection")
    await alice.click("#channels button:has-text('random')")
    await alice.say("hello")
    await alice.sees("li[data-status=SENT]")

    await alice.element(message("hello"), "focus")
    await alice.press("Tab", "Tab")
    await bob.click("#toggle-connection")
    await alice.sees("li[data-status=DELIVERED]")

    await alice.sees(f"{message('hello')} button[title=Delete]:focus")


async def test_edit_is_left_when_escape_is_pressed(alice: Tab) -> None:
    """The message stays unchanged, and the focus returns to the composer."""
    await alice.say("as it was")
    await alice.sees(f"{message('as it was')}[data-status=SENT]")

    await alice.press("ArrowUp")
    await alice.type(" not")
    await alice.press("Escape")

    await alice.sees("#draft:focus")
    assert ["as it was"] == await alice.texts("#messages .content")


async def test_events_are_announced_when_somebody_uses_a_screen_reader(
    alice: Tab, bob: Tab
) -> None:
    """The page announces the messages of all channels, and changes of the connection's state."""
    assert "Connected." in await bob.text("#announcer")

    await alice.say("hello")
    await bob.sees("#announcer:has-text('Alice: hello')")
    await alice.click("#channels button:has-text('random')")
    await alice.say("hello there")

    await bob.sees("#announcer:has-text('Alice in random: hello there')")


async def test_failure_is_announced_when_a_message_cannot_be_sent(alice: Tab) -> None:
    """The page keeps earlier announcements, so that a screen reader can read all of them."""
    await alice.say(f"xxx {REFUSED_BY_THE_SERVER}")

    await alice.sees("#announcer p:has-text('Not sent: xxx')")
    await alice.sees("#announcer p:has-text('Connected.')")


async def test_page_is_named_throughout_when_it_is_read_aloud(alice: Tab) -> None:
    await alice.say("hello")
    for role in (
        "main[name='# general']",
        "complementary[name='Channels and connection']",
        "navigation[name=Channels]",
        "region[name=Connected]",
        "list[name='# general']",
        "textbox[name=Message]",
        "button[name=Send]",
        "button[name='Switch user']",
        "link[name='Open a second tab, as somebody else']",
    ):
        await alice.sees(f"role={role}")
    await alice.sees("li.message >> text=You >> visible=true")


async def test_channels_are_in_a_drawer_when_the_screen_is_narrow(
    browser: Browser, server: ServerProcess
) -> None:
    """A button opens the drawer, and Escape or the choice of a channel closes it."""
    phone = await browser.window(**PHONE)
    alice = await phone.tab()
    await alice.sign_in(server.url, "Alice")
    await alice.loses("#channels")

    await alice.click("role=button[name='Channels and connection']")
    await alice.sees("#channels")
    await alice.press("Escape")
    await alice.loses("#channels")
    await alice.sees("#open-sidebar:focus")
    await alice.click("#open-sidebar")
    await alice.click("#channels button:has-text('random')")
    await alice.loses("#channels")
    await alice.say("hello from a phone, " + "with a lot of text in one word: " + "o" * 200)
    await alice.sees("li[data-status=SENT]")

    assert "# random" == await alice.text("#channel-name")
    assert await alice.evaluate(IS_WITHIN)
    await phone.close()


async def test_drawer_slides_when_it_is_opened_and_not_when_the_window_becomes_narrow(
    alice: Tab,
) -> None:
    """If the drawer slid when the window becomes narrow, it would flash over the messages."""
    await alice.evaluate(RECORD_SLIDES)

    await alice.page("setViewportSize", PHONE["viewport"])
    await alice.loses("#channels")
    before = await alice.evaluate(SLIDES_AFTER_TWO_FRAMES)
    await alice.click("#open-sidebar")

    assert 0 == before
    await alice.page("waitForFunction", "globalThis.slides > 0")


SLIDES_AFTER_TWO_FRAMES = """() => new Promise((done) => {
  requestAnimationFrame(() => requestAnimationFrame(() => done(globalThis.slides)));
})"""

RECORD_SLIDES = """() => {
  globalThis.slides = 0;
  const sidebar = document.getElementById("sidebar");
  sidebar.addEventListener("transitionrun", ({ target }) => {
    if (target === sidebar) globalThis.slides += 1; // not the token's progress bar in it
  });
}"""


async def test_message_is_edited_by_touch_when_there_is_no_mouse(
    browser: Browser, server: ServerProcess
) -> None:
    """A tap on a message shows its buttons."""
    phone = await browser.window(**PHONE)
    alice = await phone.tab()
    await alice.sign_in(server.url, "Alice")
    await alice.say("helo")
    await alice.sees(f"{message('helo')}[data-status=SENT]")

    await alice.element(message("helo"), "tap")
    await alice.element(f"{message('helo')} >> role=button[name=Edit]", "tap")
    await alice.element(".edit textarea", "fill", "hello")
    await alice.element(".edit >> role=button[name=Save]", "tap")

    await alice.sees(f"{message('hello')} >> .edited")
    await phone.close()
