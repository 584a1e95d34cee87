// Replaces socket.io-client's `io` and the server. Tests script the behaviour of both.

/** A Socket like that of socket.io-client; the test calls `up`, `receive` and `down`. */
export class ScriptedSocket {
  connected = false;
  active = true;
  asked = [];
  connects = 0;
  isLeftToReconnect = true; // whether socket.io-client would reconnect
  #listeners = new Map();
  #anyListeners = [];
  #pending = [];

  constructor(options, answers) {
    this.options = options;
    this.answers = answers;
    this.io = { engine: this.#newEngine() };
  }

  on(event, listener) {
    this.#listeners.set(event, listener);
  }

  onAny(listener) {
    this.#anyListeners.push(listener);
  }

  timeout() {
    return this;
  }

  emitWithAck(event, payload) {
    this.asked.push([event, payload]);
    const answer = this.answers[event]?.(payload) ?? { data: null };
    return new Promise((resolve, reject) => {
      this.#pending.push(reject);
      Promise.resolve(answer).then(resolve, reject);
    });
  }

  connect() {
    this.connects += 1;
    this.isLeftToReconnect = true;
    this.io.engine = this.#newEngine();
  }

  disconnect() {
    this.isLeftToReconnect = false;
    if (this.connected) this.down("io client disconnect");
  }

  /** Opens a transport and sends `connect`; resolves to the `auth`. */
  async up() {
    this.io.engine = this.#newEngine();
    const auth = await new Promise((resolve) => this.options.auth(resolve));
    this.connected = true;
    this.#listeners.get("connect")();
    return auth;
  }

  receive(event, payload) {
    for (const listener of this.#anyListeners) listener(event, payload);
    this.#listeners.get(event)?.(payload);
  }

  down(reason) {
    this.connected = false;
    this.active = reason !== "io server disconnect";
    this.#listeners.get("disconnect")(reason);
    for (const reject of this.#pending) reject(new Error("socket has been disconnected"));
    this.#pending = [];
  }

  refuse(message, data) {
    this.active = false;
    this.#listeners.get("connect_error")(Object.assign(new Error(message), { data }));
  }

  /** socket.io-client creates an engine for every transport. */
  #newEngine() {
    return { close: () => this.down("forced close") };
  }
}

/** Returns `io` and its sockets. `answers` maps events to functions that answer a payload. */
export function scriptedIo(answers = {}) {
  const sockets = [];
  const everything = {
    "message:getOfflineCount": () => ({ data: { count: 0, channels: {} } }),
    "message:getOffline": () => ({ data: { messages: [], nextCursor: null } }),
    "typing:get": () => ({ data: [] }),
    "auth:refresh": () => ({ data: { expiresAt: "2026-01-01T00:01:00.000Z" } }),
    ...answers,
  };
  const io = (_, options) => {
    const socket = new ScriptedSocket(options, everything);
    sockets.push(socket);
    return socket;
  };
  return { io, sockets };
}

/** Returns a new token with this lifetime. */
export function tokenOf(seconds) {
  const payload = btoa(JSON.stringify({ iat: 1_000, exp: 1_000 + seconds, jti: Math.random() }));
  return `e30.${payload}.c2ln`;
}
