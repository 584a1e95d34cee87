// Who is typing: the user, and others.

export const REPEAT_MS = 2_500; // well within the server's 5 s, after which it says that typing ended
export const EXPIRY_MS = 5_500; // the server says so after 5 s, unless that gets lost

/** Sends `typing` at the first key, so that others see it at once; then at most every 2.5 s. */
export class OwnTyping {
  #ask;
  #channelId = null; // the channel that `typing` was sent to
  #repeatAt = 0;

  /** @param ask async: as `Connection.ask` */
  constructor(ask) {
    this.#ask = ask;
  }

  keystroke(channelId) {
    if (channelId !== this.#channelId) this.stop();
    if (this.#channelId !== null && Date.now() < this.#repeatAt) return;
    this.#channelId = channelId;
    this.#repeatAt = Date.now() + REPEAT_MS;
    this.#send("typing");
  }

  /** The text was emptied, or the channel left. */
  stop() {
    if (this.#channelId !== null) this.#send("typing:stop");
    this.sent();
  }

  /** A message was sent, which ends typing by itself. */
  sent() {
    this.#channelId = null;
  }

  #send(event) {
    // A typing indicator that gets lost is not worth another try.
    this.#ask(event, { channelId: this.#channelId }).catch(() => {});
  }
}

/** The others, by channel. */
export class OthersTyping {
  #onChange;
  #timers = new Map();

  /** @param onChange called with a channel's id */
  constructor(onChange) {
    this.#onChange = onChange;
  }

  /** @param indicator the server's `TypingIndicator` */
  heard({ userId, channelId, isTyping }) {
    const timers = this.#timers.get(channelId) ?? new Map();
    this.#timers.set(channelId, timers);
    clearTimeout(timers.get(userId));
    timers.delete(userId);
    if (isTyping) {
      const ended = { userId, channelId, isTyping: false };
      timers.set(userId, setTimeout(() => this.heard(ended), EXPIRY_MS));
    }
    this.#onChange(channelId);
  }

  in(channelId) {
    return [...(this.#timers.get(channelId)?.keys() ?? [])];
  }

  clear() {
    for (const [channelId, timers] of this.#timers) {
      for (const timer of timers.values()) clearTimeout(timer);
      timers.clear();
      this.#onChange(channelId);
    }
  }
}
