from pathlib import Path

from tests.browser.browser import Tab, Window
from tests.e2e.server_process import running

REFUSED_BY_THE_SERVER = "refused \0"
"""A text that the page sends and the server rejects, because databases cannot store NUL."""


SKIP_MESSAGES = """() => {
  const { send } = WebSocket.prototype;
  WebSocket.prototype.send = function (data) {
    if (globalThis.websocket === undefined) {
      globalThis.websocket = this;
      const receive = this.onmessage;
      this.onmessage = (event) => event.data.includes("message.created") || receive(event);
    }
    send.call(this, data);
  };
}"""
"""Hides messages from the page, as if its node had missed them."""

REQUIRE_SYNC = """() => {
  const event = ["sync:required", { channelId: "general", afterSeq: 0 }];
  const data = `42${JSON.stringify(event)}`;
  globalThis.websocket.dispatchEvent(new MessageEvent("message", { data }));
}"""


def message(text: str) -> str:
    return f"li.message:has-text('{text}')"


async def test_messages_appear_on_both_sides_when_two_users_chat(alice: Tab, bob: Tab) -> None:
    """Both users see each message once, in the same order."""
    await alice.say("hello Bob")
    await bob.sees(message("hello Bob"))
    await bob.say("hello Alice")
    await alice.sees(message("hello Alice"))

    for tab in (alice, bob):
        assert ["hello Bob", "hello Alice"] == await tab.texts("#messages .content")
        assert [] == await tab.problems()


async def test_skipped_messages_appear_when_the_server_requires_it(alice: Tab, bob: Tab) -> None:
    """A node sends ``sync:required`` when it cannot read messages of other nodes."""
    await bob.evaluate(SKIP_MESSAGES)
    await bob.type("x")
    await alice.say("one")
    await alice.say("two")
    await alice.sees("li[data-status=SENT]:has-text('two')")
    await bob.evaluate("async () => { while (!globalThis.websocket) await 0; }")
    assert [] == await bob.texts("#messages .content")

    await bob.evaluate(REQUIRE_SYNC)
    await bob.sees(message("two"))

    assert ["one", "two"] == await bob.texts("#messages .content")
    assert [] == await bob.problems()


async def test_ticks_change_when_a_message_is_delivered_and_read(alice: Tab, bob: Tab) -> None:
    """The status is DELIVERED once Bob is connected, and READ once he opens the channel."""
    await bob.click("#toggle-connection")
    await bob.click("#channels button:has-text('general')")
    await alice.click("#channels button:has-text('random')")

    await alice.say("are you there?")
    await alice.sees("li[data-status=SENT]")
    await bob.click("#toggle-connection")
    await alice.sees("li[data-status=DELIVERED]")
    await bob.sees("#channels button:has-text('random') .badge:has-text('1')")
    await bob.click("#channels button:has-text('random')")
    await alice.sees("li[data-status=READ]")

    assert 0 == await bob.element("#channels .badge", "count")


async def test_typing_appears_and_expires_when_the_typist_falls_silent(
    alice: Tab, bob: Tab
) -> None:
    """The indicator appears while Alice types, and disappears when the server ends her typing."""
    await alice.element("#draft", "focus")

    await alice.type("let me th")

    await bob.sees("#typing:has-text('Alice is typing')")
    await bob.loses("#typing:has-text('Alice is typing')")


async def test_typing_ends_when_the_typist_sends_or_goes_elsewhere(
    window: Window, tmp_path: Path
) -> None:
    """Typing does not expire on this server during the test, so the page itself must end it."""
    async with running(tmp_path, {"TYPING_EXPIRY_SECONDS": "3600"}) as server:
        alice, bob = await window.tab(), await window.tab()
        await alice.sign_in(server.url, "Alice")
        await bob.sign_in(server.url, "Bob")
        for end in ("send", "switch"):
            await alice.element("#draft", "fill", f"about to {end}")
            await bob.sees("#typing:has-text('Alice is typing')")
            if end == "send":
                await alice.element("#draft", "press", "Enter")
            else:
                await alice.click("#channels button:has-text('random')")
            await bob.loses("#typing:has-text('Alice is typing')")


async def test_edit_is_seen_by_both_when_the_author_edits(alice: Tab, bob: Tab) -> None:
    """Both users see that the message was edited."""
    await alice.say("helo")
    await bob.sees(message("helo"))

    await alice.element(message("helo"), "hover")
    await alice.click(f"{message('helo')} >> role=button[name=Edit]")
    await alice.element(".edit textarea", "fill", "hello")
    await alice.press("Enter")

    for tab in (alice, bob):
        await tab.sees(f"{message('hello')} >> .edited")


async def test_message_is_gone_for_both_when_the_author_deletes_it(alice: Tab, bob: Tab) -> None:
    """The author confirms the deletion, and a notice replaces the message for both users."""
    await alice.say("oh no")
    await bob.sees(message("oh no"))

    await alice.element(message("oh no"), "hover")
    await alice.click(f"{message('oh no')} >> role=button[name=Delete]")
    await alice.click("dialog >> role=button[name='Keep it']")
    await alice.click(f"{message('oh no')} >> role=button[name=Delete]")
    await alice.click("dialog >> role=button[name=Delete]")

    for tab in (alice, bob):
        await tab.sees(message("This message was deleted."))
        await tab.loses(message("oh no"))


async def test_message_is_shown_as_failed_when_the_server_refuses_it(alice: Tab, bob: Tab) -> None:
    """A failed message can be retried or discarded, and does not delay later messages."""
    await alice.say(REFUSED_BY_THE_SERVER)
    await alice.sees("li[data-status=FAILED] >> text=Not sent.")

    await alice.say("the next")
    await bob.sees(message("the next"))
    await alice.click("role=button[name=Retry]")
    await alice.sees("li[data-status=FAILED]")
    await alice.click("role=button[name=Discard]")

    await alice.loses("li[data-status=FAILED]")
    await alice.sees("#draft:focus")


async def test_message_is_sent_when_a_failed_one_is_edited(alice: Tab, bob: Tab) -> None:
    """A user can edit a failed message by keyboard, and the focus then returns to the composer."""
    await alice.say(REFUSED_BY_THE_SERVER)
    await alice.sees("li[data-status=FAILED]")

    await alice.press("ArrowUp", "Backspace")
    await alice.type("no more")
    await alice.press("Enter")

    await bob.sees(message("refused no more"))
    await alice.loses("li[data-status=FAILED]")
    await alice.sees("#draft:focus")
    assert ["refused no more"] == await alice.texts("#messages .content")


async def test_notice_appears_when_the_server_limits_the_rate(
    window: Window, tmp_path: Path
) -> None:
    """The page sends the messages again in order, and none is lost."""
    sent = [f"message {number:02}" for number in range(16)]
    limits = {"RATE_LIMIT_BURST": "12", "RATE_LIMIT_EVENTS_PER_SECOND": "4"}
    async with running(tmp_path, limits) as server:
        alice, bob = await window.tab(), await window.tab()
        await alice.sign_in(server.url, "Alice")
        await bob.sign_in(server.url, "Bob")

        await alice.click("#toggle-connection")
        for content in sent:
            await alice.say(content)
        await alice.click("#toggle-connection")

        await alice.sees("#notice:has-text('That was fast.')")
        await bob.sees(message(sent[-1]))
        assert sent == await bob.texts("#messages .content")


async def test_markup_is_text_when_somebody_writes_it(alice: Tab, bob: Tab) -> None:
    """A message's text never becomes an element of the page."""
    await alice.say("<img src=x onerror=alert(1)> & <b>bold</b>")

    await bob.sees(message("onerror"))
    assert ["<img src=x onerror=alert(1)> & <b>bold</b>"] == await bob.texts("#messages .content")
    assert 0 == await bob.element("#messages img, #messages b", "count")


async def test_message_is_announced_and_unread_when_the_reader_has_scrolled_up(
    alice: Tab, bob: Tab
) -> None:
    """Bob clicks the button "1 new message", which scrolls to the message and marks it as read."""
    for tab in (alice, bob):
        await tab.click("#channels button:has-text('random')")
    await alice.say("\n".join("a long story" for _ in range(80)))
    await alice.sees("li[data-status=READ]")
    await bob.evaluate(SCROLL_UP)

    await alice.say("the end")
    await bob.sees("#to-end:has-text('1 new message')")
    await alice.sees(f"{message('the end')}[data-status=DELIVERED]")
    await bob.click("#to-end")

    await alice.sees(f"{message('the end')}[data-status=READ]")
    await bob.loses("#to-end")


SCROLL_UP = """() => new Promise((done) => {
  const scroller = document.getElementById("scroller");
  scroller.addEventListener("scroll", done, { once: true });
  scroller.scrollTop = 0;
}).then(() => null)"""
