// The demo page: choose a demo user, then chat. Tokens come from the development issuer.
import { ChatClient } from "./chat_client.js";
import { TIMEOUT_MS } from "./connection.js";
import { ChatView } from "./chat_view.js";
import { avatar, byId, element } from "./dom.js";
import { TabMemory } from "./tab_memory.js";

/** Fetches JSON from this server; throws an error with the server's message. */
async function fetchJson(path, options) {
  const response = await fetch(path, { ...options, signal: AbortSignal.timeout(TIMEOUT_MS) });
  if (!response.ok) throw new Error(await response.text());
  return response.json();
}

async function fetchToken(userId, sessionId) {
  const { token } = await fetchJson("/dev/token", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ userId, sessionId }),
  });
  return token; // only the connection keeps it; it is never stored
}

function showTrouble(sentence, command = "") {
  byId("trouble-sentence").textContent = sentence;
  byId("trouble-command").textContent = command;
  byId("trouble-command").hidden = command === "";
  byId("trouble").hidden = false;
  byId("welcome").hidden = false;
}

/** Shows how to install the client; the server's 404 answer contains the command. */
async function showMissingClient() {
  const response = await fetch("/socket.io/socket.io.js").catch(() => null);
  if (response?.status !== 404) return showTrouble("The JavaScript client could not be loaded.");
  showTrouble(
    "The JavaScript client, socket.io-client, is not installed. Install it with Node.js' npm:",
    await response.text(),
  );
}

function showUsers(users) {
  byId("users").replaceChildren(
    ...users.map(({ id, name, channels }) =>
      element(
        "li",
        null,
        element(
          "a",
          { href: `#${encodeURIComponent(id)}` },
          avatar(id, name),
          element("span", { class: "name" }, name),
          element("span", { class: "where" }, channels.map((each) => `#${each}`).join(" ")),
        ),
      ),
    ),
  );
  byId("sign-in").hidden = false;
  byId("welcome").hidden = false;
  byId("users").querySelector("a")?.focus();
}

function start(me, users, maxChars) {
  const memory = new TabMemory(() => sessionStorage, me.id);
  const sessionId = `sess_${crypto.randomUUID()}`; // all tokens of a connection must have one session
  const client = new ChatClient({
    io: globalThis.io,
    url: location.origin,
    getToken: () => fetchToken(me.id, sessionId),
    userId: me.id,
    channelIds: me.channels,
    unsent: memory.unsent,
  });
  new ChatView({ client, me, users, maxChars, memory });
  client.open();
}

async function main() {
  byId("trouble-retry").addEventListener("click", () => location.reload());
  // The address contains the user, so that a reload keeps the user. Choosing another user reloads.
  addEventListener("hashchange", () => location.reload());
  byId("sign-out").addEventListener("click", () => (location.hash = ""));
  if (globalThis.io === undefined) {
    await showMissingClient();
    return;
  }
  try {
    const { users, messageMaxChars } = await fetchJson("/dev/users");
    const welcome = users.filter(({ channels }) => channels.length > 0);
    const me = welcome.find(({ id }) => id === decodeURIComponent(location.hash.slice(1)));
    if (me === undefined) showUsers(welcome);
    else start(me, users, messageMaxChars);
  } catch (error) {
    showTrouble(`The server did not answer as expected: ${error.message}`);
  }
}

await main();
