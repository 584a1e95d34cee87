// Telling the server what has arrived here and what was read, one message after the other.
import { pause } from "./timing.js";

const MOST_WANTED = 1_000;
const PACE_MS = 60; // leaves room below the server's 20 events a second for what the user does

/**
 * A mark that fails because of the connection or the server is kept for `retry`, which the next
 * reconnection calls. One that the server refuses for good is dropped.
 */
export class Marks {
  #ask;
  #wanted = new Map();
  #made = new Set();
  #running = false;

  /** @param ask async: as `Connection.ask` */
  constructor(ask) {
    this.#ask = ask;
  }

  /** @param event `message:delivered` or `message:seen`, which includes the other */
  want(messageId, event) {
    if (this.#made.has(messageId) || this.#wanted.get(messageId) === "message:seen") return;
    remember(this.#wanted, () => this.#wanted.set(messageId, event));
    this.retry();
  }

  async retry() {
    if (this.#running) return;
    this.#running = true;
    try {
      for (let next; (next = this.#wanted.entries().next().value); ) await this.#make(...next);
    } catch {
      // Kept; there is no connection, or it would not help now.
    } finally {
      this.#running = false;
    }
  }

  async #make(messageId, event) {
    try {
      await this.#ask(event, { messageId });
    } catch (error) {
      if (error.temporary) throw error;
    }
    if (event === "message:seen") remember(this.#made, () => this.#made.add(messageId));
    if (this.#wanted.get(messageId) === event) this.#wanted.delete(messageId);
    await pause(PACE_MS);
  }
}

/** Add, and forget the oldest when it is too many: the server knows what is undelivered. */
function remember(collection, add) {
  add();
  if (collection.size > MOST_WANTED) collection.delete(collection.keys().next().value);
}
