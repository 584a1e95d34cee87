// Who is typing: the user, told to others with restraint; and others, as long as it is true.

export const DEBOUNCE_MS = 500;
export const LONGEST_SILENCE_MS = 2_500; // well within the server's 5 s
export const EXPIRY_MS = 5_500; // the server says so after 5 s, unless that gets lost

/** Debounced: `typing` after a pause of 500 ms, or of 2.5 s of typing without one. */
export class OwnTyping {
  #ask;
  #channelId = null;
  #told = false;
  #timer = null;
  #overdueAt = 0;

  /** @param ask async: as `Connection.ask` */
  constructor(ask) {
    this.#ask = ask;
  }

  keystroke(channelId) {
    if (channelId !== this.#channelId) this.stop();
    const now = Date.now();
    if (this.#timer === null) this.#overdueAt = now + LONGEST_SILENCE_MS;
    clearTimeout(this.#timer);
    this.#channelId = channelId;
    this.#timer = setTimeout(
      () => this.#tell(),
      Math.min(DEBOUNCE_MS, Math.max(0, this.#overdueAt - now)),
    );
  }

  /** The text was emptied, or the channel left. */
  stop() {
    if (this.#told) this.#send("typing:stop");
    this.sent();
  }

  /** A message was sent, which ends typing by itself. */
  sent() {
    clearTimeout(this.#timer);
    this.#timer = this.#channelId = null;
    this.#told = false;
  }

  #tell() {
    this.#timer = null;
    this.#told = true;
    this.#send("typing");
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
