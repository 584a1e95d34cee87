from pathlib import Path

from tests.browser.browser import Window
from tests.browser.test_chatting import message
from tests.e2e.server_process import running

COUNT = 1_000
MOST_SHOWN = 500
MOST_LAYOUTS = 100
"""The maximum number of layouts for a thousand messages: the page draws messages in batches."""

SEND_ALL = f"""async () => {{
  const headers = {{ "Content-Type": "application/json" }};
  const body = JSON.stringify({{ userId: "user_alice" }});
  const response = await fetch("/dev/token", {{ method: "POST", headers, body }});
  const auth = await response.json();
  const socket = io({{ auth, transports: ["websocket"], forceNew: true }});
  const numbers = Array.from({{ length: {COUNT} }}, (_, index) => index + 1);
  await Promise.all(numbers.map((number) =>
    socket.emitWithAck("sendMessage", {{ channelId: "general", content: `number ${{number}}` }})));
  socket.disconnect();
}}"""

COUNT_LAYOUTS = """() => {
  globalThis.layouts = 0;
  const { get } = Object.getOwnPropertyDescriptor(Element.prototype, "scrollHeight");
  Object.defineProperty(Element.prototype, "scrollHeight", {
    get() {
      globalThis.layouts += 1;
      return get.call(this);
    },
  });
}"""


async def test_page_draws_seldom_when_a_thousand_messages_arrive(
    window: Window, tmp_path: Path
) -> None:
    """Layout of a long list takes milliseconds, so a layout per message would freeze the page."""
    async with running(tmp_path, {"RATE_LIMIT_BURST": "5000"}) as server:
        bob = await window.tab()
        await bob.sign_in(server.url, "Bob")
        await bob.click("#toggle-connection")
        await bob.evaluate(SEND_ALL)
        await bob.evaluate(COUNT_LAYOUTS)

        await bob.click("#toggle-connection")
        await bob.sees(message(f"number {COUNT}"))

        assert str(COUNT) == await bob.text("#offline-count")
        assert MOST_LAYOUTS > await bob.evaluate("() => globalThis.layouts")
        await bob.sees("#announcer p:has-text('new messages.')")

        await bob.page("reload")
        await bob.sees(f"li.message:nth-child({MOST_SHOWN}):has-text('number {COUNT}')")
        await bob.sees("#beginning:has-text('Older messages are not shown here.')")
        assert MOST_SHOWN == await bob.element("li.message", "count")
