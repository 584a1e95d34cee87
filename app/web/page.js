// The page: pick a demo user, then chat. Tokens come from the development issuer.
import { ChatClient } from "./chat_client.js";
import { TIMEOUT_MS } from "./connection.js";
import { ChatView } from "./chat_view.js";
import { avatar, byId, element } from "./dom.js";
import { TabMemory } from "./tab_memory.js";

const INSTALL_CLIENT = "npm ci --prefix app/web";

/** JSON of this server, or an error with the server's own sentence. */
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
  return token; // held by nobody but the connection it is for; never in a storage
}

function showTrouble(sentence, command = "") {
  byId("trouble-sentence").textContent = sentence;
  byId("trouble-command").textContent = command;
  byId("trouble-command").hidden = command === "";
  byId("trouble").hidden = false;
  byId("welcome").hidden = false;
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
  const sessionId = `sess_${crypto.randomUUID()}`; // a connection's tokens are all of one sign-in
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
  // The address says who one is, so that a reload keeps it; another user is another page.
  addEventListener("hashchange", () => location.reload());
  byId("sign-out").addEventListener("click", () => (location.hash = ""));
  if (globalThis.io === undefined) {
    showTrouble(
      "The JavaScript client, socket.io-client, is not installed. Install it with Node.js' npm:",
      INSTALL_CLIENT,
    );
    return;
  }
  try {
    const { users, messageMaxChars } = await fetchJson("/dev/users");
    const welcome = users.filter(({ channels }) => channels.length > 0);
    const me = welcome.find(({ id }) => id === decodeURIComponent(location.hash.slice(1)));
    if (me === undefined) showUsers(welcome);
    else start(me, users, messageMaxChars);
  } catch (error) {
    showTrouble(`The server did not answer as it should: ${error.message}`);
  }
}

await main();
