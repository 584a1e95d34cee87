// One user's connection to the server, kept up: it hands in a fresh token before the old one
// expires, and comes back after every loss, each time with a fresh token.
import { backoff, pause, within } from "./timing.js";

export const TIMEOUT_MS = 10_000;
/** Less than the server's, which says when it is time: this is for where it was not heard. */
export const REFRESH_LEAD_MS = 10_000;

const SHORTEST_TOKEN_MS = 1_000;
const MOST_TRIES = 10;
const MOST_REFUSALS = 3;

/** What the server said no to: its sentence, and its `code`, `temporary`, `detail`, `fields`. */
export class Refused extends Error {
  constructor({ error, ...answer }) {
    super(error);
    Object.assign(this, answer);
  }
}

/** There was no answer: nobody knows whether the server did what was asked. */
export class ConnectionLost extends Error {
  temporary = true;
}

/** There was no connection: the server was not even asked. */
export class NotConnected extends ConnectionLost {
  unsent = true;
}

/**
 * Emits `phase` whenever `phase` or `detail` changes, `online` when requests can be made (its
 * detail: `{offlineCount}`), `token`, `throttled` (its detail: `{retryAfterMs}`), and `message` for
 * every event of the chat (its detail: `{name, payload}`).
 */
export class Connection extends EventTarget {
  /** `offline`, `connecting`, `online`, `lost`, `unauthorized` or `refused` (for good). */
  phase = "offline";
  /** A sentence about why it is not online. */
  detail = "";
  /** `{expiresAt, lifeMs}` of the token in use, by this machine's clock. The token is not kept. */
  token = null;

  #getToken;
  #socket;
  #offered = null; // what `token` is to be, once the server has let it in
  #refusal = null;
  #refreshing = null; // the transport that a refresh is under way for
  #failures = 0; // in a row, of whatever kind: for the time between two tries
  #refusals = 0; // in a row
  #timer = null; // to the next refresh while online, else to the next try to come back

  /**
   * @param io        of socket.io-client
   * @param getToken  async: a session token made now (of Clerk: `getToken({skipCache: true})`)
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
    this.#socket.on("server:draining", (notice) => this.#draining(notice)); // and here, later
    this.#socket.on("disconnect", (reason) => this.#ended(reason));
    this.#socket.on("auth:expiring", () => this.#refresh());
    this.#socket.onAny((name, payload) => {
      if (!CONNECTION_EVENTS.has(name)) this.#tell("message", { name, payload });
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
   * The `data` that the server answers an event with. A rate limit is waited out.
   *
   * Throws `Refused` or `ConnectionLost`; where `temporary`, it may help to ask again.
   */
  async ask(event, ...payload) {
    return (await this.askFully(event, ...payload)).data;
  }

  /** As `ask`, but the whole answer: `data` and what stands beside it. */
  async askFully(event, ...payload) {
    if (this.phase !== "online") throw new NotConnected("Not connected.");
    try {
      return await this.#request(event, ...payload);
    } catch (error) {
      // A sleeping laptop, or a throttled tab: the time for a refresh has passed unused.
      if (error.code === "token_expired") {
        this.#refresh();
        error.temporary = true;
      }
      throw error;
    }
  }

  /** Called by socket.io-client for every single connection: no token is used twice. */
  async #authorize(give) {
    const { engine } = this.#socket.io;
    try {
      const { token, life } = await this.#freshToken();
      if (!this.#isCurrent(engine)) return; // too late: the next connection asks for its own
      this.#offered = life;
      give({ token });
    } catch (error) {
      if (!this.#isCurrent(engine)) return;
      this.#enter("lost", `No token: ${error.message}`);
      await pause(backoff(this.#failures++));
      engine.close(); // and socket.io-client tries again
    }
  }

  async #freshToken() {
    const token = await within(TIMEOUT_MS, this.#getToken());
    const lifeMs = Math.max(lifeOf(token), SHORTEST_TOKEN_MS);
    return { token, life: { lifeMs, expiresAt: Date.now() + lifeMs } };
  }

  /** Whether that is still the transport. Each time socket.io-client comes back it makes another. */
  #isCurrent(engine) {
    return this.phase !== "offline" && engine === this.#socket.io.engine;
  }

  /**
   * A refused client sees `connect` too, and is told by `error` then. So only an answer shows that
   * one is in, and how much was missed is what one wants to know first.
   */
  async #admitted() {
    const { engine } = this.#socket.io;
    this.#refusal = null;
    let offlineCount;
    try {
      offlineCount = (await this.#request("message:getOfflineCount")).data;
    } catch {
      if (!this.#socket.connected) return; // refused, or lost: `#ended` knows
      await pause(backoff(this.#failures++));
      engine.close(); // and socket.io-client tries again
      return;
    }
    if (!this.#isCurrent(engine)) return;
    this.#failures = this.#refusals = 0;
    this.#use(this.#offered);
    this.#enter("online");
    this.#tell("online", { offlineCount });
  }

  #use(life) {
    this.token = life;
    this.#tell("token");
    clearTimeout(this.#timer);
    const ms = life.expiresAt - Date.now() - leadOf(life.lifeMs);
    this.#timer = setTimeout(() => this.#refresh(), ms);
  }

  /**
   * Hands in a new token on the same connection: when the server says so, when it is high time, and
   * when it was too late. Where that fails, the server ends the connection: see `#comeBack`.
   */
  async #refresh() {
    const { engine } = this.#socket.io;
    const isWanted = () => this.phase === "online" && this.#isCurrent(engine);
    if (!isWanted() || this.#refreshing === engine) return;
    this.#refreshing = engine;
    for (let tries = 0; tries < MOST_TRIES && isWanted(); tries += 1) {
      try {
        const { token, life } = await this.#freshToken();
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
    if (isAuthentication) this.#comeBack({ message: error.message, ...error.data });
    else if (!this.#socket.active) this.#comeBack(null);
    else this.#enter("lost", "The server cannot be reached.");
  }

  #ended(reason) {
    if (reason === "io client disconnect") return;
    clearTimeout(this.#timer);
    const refusal = this.#refusal;
    this.#refusal = null;
    if (refusal?.temporary) this.#socket.disconnect(); // socket.io-client would come back too soon
    if (refusal?.temporary || reason === "io server disconnect") this.#comeBack(refusal);
    else this.#enter("lost", "The connection was lost."); // socket.io-client comes back by itself
  }

  /** The server will end the connection before it restarts. */
  #draining({ reconnectAfterMs }) {
    this.#refusal = { code: "draining", temporary: true, retryAfterMs: reconnectAfterMs };
    if (this.phase === "online") this.#enter("online", "The server is about to restart.");
  }

  /** What socket.io-client does not do, or not in time: the server said goodbye, or no. */
  #comeBack(refusal) {
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
      this.#tell("throttled", { retryAfterMs: answer.retryAfterMs });
      await pause(answer.retryAfterMs);
    }
  }

  async #answer(event, ...payload) {
    // Not left to socket.io-client's buffer, which would send it on some later day.
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
    this.#tell("phase");
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

const CONNECTION_EVENTS = new Set(["error", "auth:expiring", "server:draining"]);

/** Why a refusal is no failed sign-in. */
function sentenceOf({ code, detail }) {
  if (code === "draining") return "The server is restarting; trying again.";
  return ["The server is busy; trying again.", detail].filter(Boolean).join(" ");
}

/** Nothing comes after a revocation, or when somebody else signed in. Else it is worth some tries. */
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
