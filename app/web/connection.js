// One user's connection to the server, kept up: it comes back after every loss, each time with a
// fresh token, and moves to a new connection before its token expires.
import { backoff, pause } from "./timing.js";

export const TIMEOUT_MS = 10_000;
export const RENEWAL_LEAD_MS = 15_000;

const SHORTEST_TOKEN_MS = 1_000;
const MOST_WAITS = 10;
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
 * detail: `{offlineCount, renewed}`), `token`, `throttled` (its detail: `{retryAfterMs}`), and
 * `message` for every event of the server (its detail: `{name, payload}`).
 *
 * While a connection is being replaced, an event may come twice.
 */
export class Connection extends EventTarget {
  /** `offline`, `connecting`, `online`, `lost`, `unauthorized` or `refused` (for good). */
  phase = "offline";
  /** A sentence about why it is not online. */
  detail = "";
  /** `{expiresAt, lifeMs}` of the token in use, by this machine's clock. The token is not kept. */
  token = null;

  #io;
  #url;
  #getToken;
  #socket = null;
  #successor = null;
  #tokens = new WeakMap();
  #requests = new WeakMap();
  #failures = 0; // in a row, of whatever kind: for the time between two tries
  #refusals = 0; // in a row
  #timer = null;

  /**
   * @param io        of socket.io-client
   * @param getToken  async: a session token made now (of Clerk: `getToken({skipCache: true})`)
   */
  constructor({ io, url, getToken }) {
    super();
    this.#io = io;
    this.#url = url;
    this.#getToken = getToken;
  }

  open() {
    this.#failures = this.#refusals = 0;
    this.#socket = this.#connect({ reconnection: true });
    this.#enter("connecting");
  }

  close() {
    const sockets = [this.#socket, this.#successor];
    clearTimeout(this.#timer);
    this.#socket = this.#successor = this.token = null; // first: they tell that they end
    for (const socket of sockets) socket?.disconnect();
    this.#enter("offline");
  }

  /**
   * The `data` that the server answers an event with. A rate limit is waited out.
   *
   * Throws `Refused` or `ConnectionLost`; where `temporary`, it may help to ask again.
   */
  async ask(event, ...payload) {
    if (this.phase !== "online") throw new NotConnected("Not connected.");
    try {
      return await this.#request(this.#socket, event, payload);
    } catch (error) {
      // A sleeping laptop, or a throttled tab: the time for renewal has passed unused.
      if (error.code === "token_expired") {
        this.#renew();
        error.temporary = true;
      }
      throw error;
    }
  }

  #connect({ reconnection }) {
    const socket = this.#io(this.#url, {
      auth: (give) => this.#authorize(socket, give),
      transports: ["websocket"],
      timeout: TIMEOUT_MS,
      reconnection,
      reconnectionDelay: 500,
      reconnectionDelayMax: 5_000,
      forceNew: true,
    });
    let refusal = null;
    this.#requests.set(socket, new Set());
    socket.on("connect", () => {
      refusal = null;
      this.#admitted(socket);
    });
    socket.on("connect_error", (error) => this.#failed(socket, error));
    socket.on("error", (error) => (refusal = error)); // `disconnect` follows
    socket.on("disconnect", (reason) => this.#ended(socket, reason, refusal));
    socket.onAny((name, payload) => {
      if (name !== "error") this.#tell("message", { name, payload });
    });
    return socket;
  }

  /** Called by socket.io-client for every single connection: no token is used twice. */
  async #authorize(socket, give) {
    try {
      const token = await this.#getToken();
      const lifeMs = Math.max(lifeOf(token), SHORTEST_TOKEN_MS);
      this.#tokens.set(socket, { lifeMs, expiresAt: Date.now() + lifeMs });
      give({ token });
    } catch (error) {
      if (socket === this.#socket) this.#enter("lost", `No token: ${error.message}`);
      await pause(backoff(this.#failures++));
      socket.io.engine?.close(); // and socket.io-client tries again
    }
  }

  /**
   * A refused client sees `connect` too, and is told by `error` then. So only an answer shows that
   * one is in, and how much was missed is what one wants to know first.
   */
  async #admitted(socket) {
    if (!socket.connected) return;
    let offlineCount;
    try {
      offlineCount = await this.#request(socket, "message:getOfflineCount", []);
    } catch {
      if (!socket.connected) return; // refused, or lost: `#ended` knows
      await pause(backoff(this.#failures++));
      if (socket.connected) socket.io.engine.close(); // and socket.io-client tries again
      return;
    }
    if (socket !== this.#socket && socket !== this.#successor) return; // closed meanwhile
    const renewed = socket === this.#successor && this.phase === "online"; // without a gap
    if (socket === this.#successor) this.#succeed(socket);
    this.#failures = this.#refusals = 0;
    this.token = this.#tokens.get(socket);
    this.#tell("token");
    this.#renewLater(this.token.expiresAt - Date.now() - leadOf(this.token.lifeMs));
    this.#enter("online");
    this.#tell("online", { offlineCount, renewed });
  }

  /** The new connection is in all rooms, so the old one may go when its answers have come. */
  #succeed(socket) {
    const old = this.#socket;
    this.#socket = socket;
    this.#successor = null;
    socket.io.reconnection(true);
    Promise.allSettled(this.#requests.get(old)).then(() => old.disconnect());
  }

  #renewLater(ms) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#renew(), ms);
  }

  #renew() {
    if (this.phase !== "online" || this.#successor !== null) return;
    this.#successor = this.#connect({ reconnection: false });
  }

  #failed(socket, error) {
    const isAuthentication = /authentication/i.test(error.message);
    if (socket === this.#successor) this.#giveUpSuccessor();
    else if (isAuthentication) this.#comeBack(socket, { message: error.message, ...error.data });
    else if (!socket.active) this.#comeBack(socket, null);
    else this.#enter("lost", "The server cannot be reached.");
  }

  #ended(socket, reason, refusal) {
    if (socket === this.#successor) this.#giveUpSuccessor();
    if (socket !== this.#socket || reason === "io client disconnect") return;
    clearTimeout(this.#timer);
    if (this.phase === "online") this.#failures = 0; // those of renewals
    if (reason === "io server disconnect") this.#comeBack(socket, refusal);
    else this.#enter("lost", "The connection was lost."); // socket.io-client comes back by itself
  }

  #giveUpSuccessor() {
    const successor = this.#successor;
    this.#successor = null; // first: it tells that it ends
    successor.disconnect();
    if (this.phase === "online") this.#renewLater(backoff(this.#failures++));
  }

  /** What socket.io-client leaves to us: the server said goodbye, or no. */
  #comeBack(socket, refusal) {
    if (refusal === null) {
      this.#enter("lost", "The server ended the connection.");
    } else {
      this.#refusals += 1;
      const final = isFinal(refusal.code, this.#refusals);
      this.#enter(final ? "refused" : "unauthorized", refusal.detail ?? refusal.message);
      if (final) return;
    }
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => socket.connect(), backoff(this.#failures++));
  }

  async #request(socket, event, payload) {
    for (let waits = 0; ; waits += 1) {
      const answer = await this.#answer(socket, event, payload);
      if (answer.error === undefined) return answer.data;
      if (answer.code !== "rate_limited" || waits === MOST_WAITS) throw new Refused(answer);
      this.#tell("throttled", { retryAfterMs: answer.retryAfterMs });
      await pause(answer.retryAfterMs);
    }
  }

  async #answer(socket, event, payload) {
    // Not left to socket.io-client's buffer, which would send it on some later day.
    if (!socket.connected) throw new NotConnected("Not connected.");
    const answer = socket.timeout(TIMEOUT_MS).emitWithAck(event, ...payload);
    const requests = this.#requests.get(socket).add(answer);
    try {
      return await answer;
    } catch (error) {
      throw new ConnectionLost(`No answer: ${error.message}.`);
    } finally {
      requests.delete(answer);
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

/** A revoked session is over. With any other fault a fresh token is worth some tries. */
function isFinal(code, refusals) {
  if (TEMPORARY_REFUSALS.has(code)) return false;
  return code === "revoked" || refusals > MOST_REFUSALS;
}

const TEMPORARY_REFUSALS = new Set([
  "keys_unavailable",
  "revocation_unavailable",
  "too_many_attempts",
  "too_many_sockets",
  "unavailable",
]);

function lifeOf(token) {
  const payload = token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
  const { exp, iat } = JSON.parse(atob(payload));
  return (exp - iat) * 1000;
}

function leadOf(lifeMs) {
  return Math.min(RENEWAL_LEAD_MS, lifeMs / 4);
}
