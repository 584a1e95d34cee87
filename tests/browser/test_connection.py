from tests.browser.browser import Tab, Window
from tests.browser.test_chatting import message
from tests.e2e.server_process import ServerProcess

EXPIRED_BEYOND_SKEW = -60
EXPIRED_WITHIN_SKEW = -1
SHORT_LIVED = 4
"""The lifetime of short-lived tokens, in seconds."""

COUNT_WEBSOCKETS = """globalThis.webSockets = 0;
globalThis.WebSocket = class extends WebSocket {
  constructor(...given) {
    super(...given);
    globalThis.webSockets += 1;
  }
};"""

RECORD_PHASES = """() => {
  const phases = (globalThis.phases = []);
  new MutationObserver(() => phases.push(document.body.dataset.phase)).observe(document.body, {
    attributeFilter: ["data-phase"],
  });
}"""


async def test_missed_messages_come_in_order_when_a_user_returns(alice: Tab, bob: Tab) -> None:
    """The page shows the number of missed messages, and reports them as delivered."""
    missed = [f"while you were away {number}" for number in range(3)]
    await bob.click("#channels button:has-text('random')")
    await alice.click("#channels button:has-text('random')")
    await bob.click("#toggle-connection")
    await bob.sees("body[data-phase=offline]")

    for content in missed:
        await alice.say(content)
    await alice.sees(f"{message(missed[-1])}[data-status=SENT]")
    await bob.click("#toggle-connection")
    await bob.sees(message(missed[-1]))

    assert missed == await bob.texts("#messages .content")
    assert "3" == await bob.text("#offline-count")
    await bob.sees("#notice:has-text('3 messages came while you were away: 3 in #random.')")
    await alice.sees(f"{message(missed[-1])}[data-status=READ]")


async def test_edits_and_deletions_are_seen_when_they_were_missed(alice: Tab, bob: Tab) -> None:
    """The page reads the channel again, because missed messages contain no edits or deletions."""
    for content in ("first", "second"):
        await alice.say(content)
        await bob.sees(message(content))
    await bob.click("#toggle-connection")
    await alice.sees(message("second"))
    # Wait for the ack: a message that is SENDING cannot be edited.
    await alice.loses("li[data-status=SENDING]")

    await alice.press("ArrowUp")
    await alice.element(".edit textarea", "fill", "second, edited")
    await alice.press("Enter")
    # Wait for the edit to be drawn: drawing it can move the first message away from the pointer.
    await alice.sees(f"{message('second, edited')} >> .edited")
    await alice.element(message("first"), "hover")
    await alice.click(f"{message('first')} >> role=button[name=Delete]")
    await alice.click("dialog >> role=button[name=Delete]")
    await alice.sees(message("This message was deleted."))
    await bob.click("#toggle-connection")

    await bob.sees(f"{message('second, edited')} >> .edited")
    await bob.sees(message("This message was deleted."))


async def test_message_waits_for_the_connection_when_it_is_written_offline(
    alice: Tab, bob: Tab
) -> None:
    """The page shows the unsent message at once as SENDING."""
    await alice.click("#toggle-connection")

    await alice.say("from a tunnel")
    await alice.sees(f"{message('from a tunnel')}[data-status=SENDING]")
    await alice.click("#toggle-connection")

    await alice.sees(f"{message('from a tunnel')}[data-status=SENT]")
    await bob.sees(message("from a tunnel"))
    assert ["from a tunnel"] == await alice.texts("#messages .content")


async def test_tabs_come_back_when_the_server_restarts(
    alice: Tab, bob: Tab, server: ServerProcess
) -> None:
    """After the restart, messages written during the outage are sent, and the history is shown."""
    await alice.say("before")
    await bob.sees(message("before"))

    await server.stop()
    await alice.sees("body[data-phase=lost]")
    await alice.say("meanwhile")
    await alice.sees(f"{message('meanwhile')}[data-status=SENDING]")
    await server.start()
    for tab in (alice, bob):
        await tab.is_online()
    await bob.sees(message("meanwhile"))

    for tab in (alice, bob):
        assert ["before", "meanwhile"] == await tab.texts("#messages .content")


async def test_token_is_replaced_unnoticed_when_it_is_about_to_expire(
    window: Window, server: ServerProcess, bob: Tab
) -> None:
    """The page replaces the token every two seconds on one connection, and loses no message."""
    alice = await window.tab()
    await alice.page("addInitScript", {"content": COUNT_WEBSOCKETS})
    await alice.get_tokens_that_live(SHORT_LIVED)
    await alice.sign_in(server.url, "Alice")
    await alice.evaluate(RECORD_PHASES)

    said = [f"tick {number}" for number in range(12)]
    for content in said:
        await bob.say(content)
        await alice.page("waitForTimeout", 600)
    await alice.say("still here")
    await bob.sees(message("still here"))

    assert [] == await alice.evaluate("() => globalThis.phases")
    assert 1 == await alice.evaluate("() => globalThis.webSockets")
    assert [*said, "still here"] == await alice.texts("#messages .content")
    assert await alice.text("#token-life") in {f"{seconds} s left" for seconds in range(5)}


async def test_user_is_signed_in_again_when_the_server_ends_an_expired_session(
    window: Window, server: ServerProcess
) -> None:
    """The page gets a new token and reconnects after ``io server disconnect``."""
    alice = await window.tab()
    await alice.get_tokens_that_live(EXPIRED_WITHIN_SKEW)
    await alice.sign_in(server.url, "Alice")
    await alice.evaluate(RECORD_PHASES)

    # Prevent the page from replacing the token before it expires.
    await alice.block("**/dev/token")
    await alice.sees("body:not([data-phase=online])")
    await alice.unblock()
    await alice.is_online()

    assert "unauthorized" == (await alice.evaluate("() => globalThis.phases"))[0]


async def test_refusal_is_shown_when_tokens_stay_expired(
    window: Window, server: ServerProcess
) -> None:
    """After some attempts the page stops and shows the reason; the user can then connect again."""
    alice = await window.tab()
    await alice.get_tokens_that_live(EXPIRED_BEYOND_SKEW)
    await alice.page("goto", f"{server.url}/#user_alice")

    await alice.sees("body[data-phase=refused]")
    assert "The token has expired; fetch a new one." == await alice.text("#phase-detail")
    await alice.unblock()
    await alice.click("#toggle-connection")

    await alice.is_online()


async def test_refusal_is_final_when_the_session_was_revoked(
    window: Window, server: ServerProcess, alice: Tab
) -> None:
    """The page does not reconnect after a revocation."""
    token = await alice.evaluate(FETCH_TOKEN)
    mallory = await window.tab()
    await mallory.get_the_token(token)
    await mallory.sign_in(server.url, "Alice")

    await server.command("revoke", "--token", token)

    await mallory.sees("body[data-phase=refused]")
    await mallory.sees("#phase-detail:has-text('The token was revoked; sign in again.')")
    await alice.is_online()


FETCH_TOKEN = """async () => {
  const headers = { "Content-Type": "application/json" };
  const body = JSON.stringify({ userId: "user_alice" });
  const response = await fetch("/dev/token", { method: "POST", headers, body });
  return (await response.json()).token;
}"""
