// One user's connection to the server. Refreshes the token before the token expires, and reconnects
// with a new token after every loss.
import { backoff, pause, withTimeout } from "./timing.js";

export const TIMEOUT_MS = 10_000;
/** The time from the refresh to the expiry. The server's `auth:expiring` usually comes earlier. */
export const REFRESH_LEAD_MS = 10_000;

const SHORTEST_TOKEN_MS = 1_000;
const MOST_TRIES = 10;
const MOST_REFUSALS = 3;

/** The server refused a request: its message, `code`, `temporary`, `detail` and `fields`. */
export class Refused extends Error {
  constructor({ error, ...answer }) {
    super(error);
    Object.assign(this, answer);
  }
}

/** There was no answer, so the result is unknown. */
export class ConnectionLost extends Error {
  temporary = true;
}

/** There was no connection, so the request was not sent. */
export class NotConnected extends ConnectionLost {
  unsent = true;
}

/**
 * Dispatches these events, with their details:
 *
 * - `phase`: when `phase` or `detail` has changed
 * - `online`: `{offlineCount}`, when requests can be made
 * - `token`: when the token has changed
 * - `throttled`: `{retryAfterMs}`, when the server limits the rate
 * - `message`: `{name, payload}`, for every event of the chat
 */
export class Connection extends EventTarget {
  /** `offline`, `connecting`, `online`, `lost`, `unauthorized` or, permanently, `refused`. */
  phase = "offline";
  /** The reason why the phase is not `online`, for people. */
  detail = "";
  /** The lifetime of the token, `{expiresAt, lifeMs}`, by this machine's clock. */
  token = null;

  #getToken;
  #socket;
  #offered = null; // the lifetime of a token that the server has not accepted yet
  #refusal = null;
  #refreshing = null; // the transport for which a refresh is running
  #failures = 0; // consecutive failures of any kind, which lengthen the backoff
  #refusals = 0; // consecutive refusals of the token
  #timer = null; // for the next refresh while online, otherwise for the next reconnection

  /**
   * @param io        the function of socket.io-client
   * @param getToken  async: returns a new session token (with Clerk: `getToken({skipCache: true})`)
   */
  constructor({ io, url, getToken }) {
    super();
    this.#getToken = getToken;
    this.#socket = io(url, {
      auth: (give) => this.#authorize(give),
      autoConnect: false,
      transports: ["websocket"],
      timeout: TIMEOUT_MS,
      reconnectionDelay: 500,
      reconnectionDelayMax: 5_000,
      forceNew: true,
    });
    this.#socket.on("connect", () => this.#admitted());
    this.#socket.on("connect_error", (error) => this.#failed(error));
    this.#socket.on("error", (error) => (this.#refusal = error)); // `disconnect` follows
    this.#socket.on("server:draining", (notice) => this.#draining(notice)); // `disconnect` follows later
    this.#socket.on("disconnect", (reason) => this.#ended(reason));
    this.#socket.on("auth:expiring", () => this.#refresh());
    this.#socket.onAny((name, payload) => {
      if (!CONNECTION_EVENTS.has(name)) this.#dispatch("message", { name, payload });
    });
  }

  open() {
    this.#failures = this.#refusals = 0;
    this.#enter("connecting");
    this.#socket.connect();
  }

  close() {
    clearTimeout(this.#timer);
    this.token = null;
    this.#enter("offline");
    this.#socket.disconnect();
  }

  /**
   * Sends an event and returns the `data` of the answer. Waits and retries at a rate limit.
   *
   * Throws `Refused` or `ConnectionLost`; if the error is `temporary`, a retry may succeed.
   */
  async ask(event, ...payload) {
    return (await this.askFully(event, ...payload)).data;
  }

  /** Sends an event and returns the whole answer, not only its `data`. */
  async askFully(event, ...payload) {
    if (this.phase !== "online") throw new NotConnected("Not connected.");
    try {
      return await this.#request(event, ...payload);
    } catch (error) {
      // A sleeping laptop or a throttled tab has missed the time for a refresh.
      if (error.code === "token_expired") {
        this.#refresh();
        error.temporary = true;
      }
      throw error;
    }
  }

  /** socket.io-client calls this for every connection, so each gets a new token. */
  async #authorize(give) {
    const { engine } = this.#socket.io;
    try {
      const { token, life } = await this.#newToken();
      if (!this.#isCurrent(engine)) return; // too late: a newer connection has its own token
      this.#offered = life;
      give({ token });
    } catch (error) {
      if (!this.#isCurrent(engine)) return;
      this.#enter("lost", `No token: ${error.message}`);
      await pause(backoff(this.#failures++));
      engine.close(); // socket.io-client reconnects
          }
        }

        async #newToken() {
    const token = await withTimeout(TIMEOUT_MS, this.#getToken());
    const lifeMs = Math.max(lifeOf(token), SHORTEST_TOKEN_MS);
    return { token, life: { lifeMs, expiresAt: Date.now() + lifeMs } };
  }

  /** Whether this is the current transport: socket.io-client creates one for each connection. */
  #isCurrent(engine) {
    return this.phase !== "offline" && engine === this.#socket.io.engine;
  }

  /**
   * A refused client also receives `connect`, and then `error`. Only the answer to a request shows
   * that the client was admitted, so this requests the count of missed messages.
   */
  async #admitted() {
    const { engine } = this.#socket.io;
    this.#refusal = null;
    let offlineCount;
    try {
      offlineCount = (await this.#request("message:getOfflineCount")).data;
    } catch {
      if (!this.#socket.connected) return; // refused or lost: `#ended` handles it
      await pause(backoff(this.#failures++));
      engine.close(); // socket.io-client reconnects
      return;
    }
    if (!this.#isCurrent(engine)) return;
    this.#failures = this.#refusals = 0;
    this.#use(this.#offered);
    this.#enter("online");
    this.#dispatch("online", { offlineCount });
  }

  #use(life) {
    this.token = life;
    this.#dispatch("token");
    clearTimeout(this.#timer);
    const ms = life.expiresAt - Date.now() - leadOf(life.lifeMs);
    this.#timer = setTimeout(() => this.#refresh(), ms);
  }

  /**
   * Sends a new token on the same connection: when the server warns, when the timer fires, or after
   * an event was refused. If the refresh fails, the server closes the connection: see `#reconnect`.
   */
  async #refresh() {
    const { engine } = this.#socket.io;
    const isWanted = () => this.phase === "online" && this.#isCurrent(engine);
    if (!isWanted() || this.#refreshing === engine) return;
    this.#refreshing = engine;
    for (let tries = 0; tries < MOST_TRIES && isWanted(); tries += 1) {
      try {
        const { token, life } = await this.#newToken();
        await this.#request("auth:refresh", { token });
        this.#use(life);
        break;
      } catch (error) {
        if (error.temporary === false) break;
        await pause(backoff(tries));
      }
    }
    if (this.#refreshing === engine) this.#refreshing = null;
  }

  #failed(error) {
    const isAuthentication = /authentication/i.test(error.message);
    if (isAuthentication) this.#reconnect({ message: error.message, ...error.data });
    else if (!this.#socket.active) this.#reconnect(null);
    else this.#enter("lost", "The server cannot be reached.");
  }

  #ended(reason) {
    if (reason === "io client disconnect") return;
    clearTimeout(this.#timer);
    const refusal = this.#refusal;
    this.#refusal = null;
    if (refusal?.temporary) this.#socket.disconnect(); // socket.io-client would reconnect too soon
    if (refusal?.temporary || reason === "io server disconnect") this.#reconnect(refusal);
    else this.#enter("lost", "The connection was lost."); // socket.io-client reconnects by itself
  }

  /** The server has announced that it will close the connection. */
  #draining({ reconnectAfterMs }) {
    this.#refusal = { code: "draining", temporary: true, retryAfterMs: reconnectAfterMs };
    if (this.phase === "online") this.#enter("online", "The server is about to restart.");
  }

  /** Reconnects after a refusal or a disconnection by the server, or gives up. */
  #reconnect(refusal) {
    if (refusal === null) {
      this.#enter("lost", "The server ended the connection.");
    } else if (refusal.temporary) {
      this.#enter("lost", sentenceOf(refusal));
    } else {
      this.#refusals += 1;
      const final = isFinal(refusal.code, this.#refusals);
      this.#enter(final ? "refused" : "unauthorized", refusal.detail ?? refusal.message);
      if (final) return;
    }
    clearTimeout(this.#timer);
    const waitMs = (refusal?.retryAfterMs ?? 0) + backoff(this.#failures++);
    this.#timer = setTimeout(() => this.#socket.connect(), waitMs);
  }

  async #request(event, ...payload) {
    for (let tries = 1; ; tries += 1) {
      const answer = await this.#answer(event, ...payload);
      if (answer.error === undefined) return answer;
      if (answer.code !== "rate_limited" || tries > MOST_TRIES) throw new Refused(answer);
      this.#dispatch("throttled", { retryAfterMs: answer.retryAfterMs });
      await pause(answer.retryAfterMs);
    }
  }

  async #answer(event, ...payload) {
    // Otherwise socket.io-client would buffer the event, and send it much later.
    if (!this.#socket.connected) throw new NotConnected("Not connected.");
    try {
      return await this.#socket.timeout(TIMEOUT_MS).emitWithAck(event, ...payload);
    } catch (error) {
      throw new ConnectionLost(`No answer: ${error.message}.`);
    }
  }

  #enter(phase, detail = "") {
    if (this.phase === phase && this.detail === detail) return;
    this.phase = phase;
    this.detail = detail;
    this.#dispatch("phase");
  }

  #dispatch(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

const CONNECTION_EVENTS = new Set(["error", "auth:expiring", "server:draining"]);

/** Returns the detail for a temporary refusal. */
function sentenceOf({ code, detail }) {
  if (code === "draining") return "The server is restarting; trying again.";
  return ["The server is busy; trying again.", detail].filter(Boolean).join(" ");
}

/** Whether to give up: after a revocation, another user's sign-in, or several refusals. */
function isFinal(code, refusals) {
  return FINAL_REFUSALS.has(code) || refusals > MOST_REFUSALS;
}

const FINAL_REFUSALS = new Set(["revoked", "subject_changed"]);

function lifeOf(token) {
  const payload = token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
  const { exp, iat } = JSON.parse(atob(payload));
  return (exp - iat) * 1000;
}

function leadOf(lifeMs) {
  return Math.min(REFRESH_LEAD_MS, lifeMs / 4);
}
