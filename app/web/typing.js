// Typing indicators of this user and of others.

export const REPEAT_MS = 2_500; // well below the server's 5 s, after which typing ends
export const EXPIRY_MS = 5_500; // in case the server's event at 5 s was lost

/** Sends `typing` at the first key, and then at most every 2.5 s. */
export class OwnTyping {
  #ask;
  #channelId = null; // the channel that `typing` was sent to
  #repeatAt = 0;

  /** @param ask async: like `Connection.ask` */
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

  /** Ends typing: the text is empty, or the user has left the channel. */
  stop() {
    if (this.#channelId !== null) this.#send("typing:stop");
    this.sent();
  }

  /** Ends typing without an event, because sending a message ends it. */
  sent() {
    this.#channelId = null;
  }

  #send(event) {
    // A lost typing indicator is not sent again.
    this.#ask(event, { channelId: this.#channelId }).catch(() => {});
  }
}

/** The other users who are typing, by channel. */
export class OthersTyping {
  #onChange;
  #timers = new Map();

  /** @param onChange called with a channel's id */
  constructor(onChange) {
    this.#onChange = onChange;
  }

  /** @param indicator the server's `TypingIndicator` */
  update({ userId, channelId, isTyping }) {
    const timers = this.#timers.get(channelId) ?? new Map();
    this.#timers.set(channelId, timers);
    clearTimeout(timers.get(userId));
    timers.delete(userId);
    if (isTyping) {
      const ended = { userId, channelId, isTyping: false };
      timers.set(userId, setTimeout(() => this.update(ended), EXPIRY_MS));
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
