// Tells the server what has arrived here and what was read, in lists.
import { pause } from "./timing.js";

const MOST_WANTED = 1_000;
const MOST_AT_ONCE = 100; // the server takes no longer list
const PACE_MS = 60; // what arrives meanwhile goes into the next list
const MESSAGE_MS = 10; // the server's limit is 100 receipts a second

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
      await null; // until the caller has wanted all it wants
      while (this.#wanted.size > 0) await this.#make(...this.#nextList());
    } catch {
      // Kept; there is no connection, or it would not help now.
    } finally {
      this.#running = false;
    }
  }

  /** The event of the oldest mark, and the messages of all marks with that event that fit. */
  #nextList() {
    const [[, event]] = this.#wanted;
    const marks = [...this.#wanted].filter(([, wanted]) => wanted === event);
    return [event, marks.slice(0, MOST_AT_ONCE).map(([messageId]) => messageId)];
  }

  /** The answer may refuse some of the messages, for good: nothing is to be done about it. */
  async #make(event, messageIds) {
    try {
      await this.#ask(event, { messageIds });
    } catch (error) {
      if (error.temporary) throw error;
    }
    for (const messageId of messageIds) {
      if (event === "message:seen") remember(this.#made, () => this.#made.add(messageId));
      if (this.#wanted.get(messageId) === event) this.#wanted.delete(messageId);
    }
    await pause(Math.max(PACE_MS, MESSAGE_MS * messageIds.length));
  }
}

/** Add, and forget the oldest when it is too many: the server knows what is undelivered. */
function remember(collection, add) {
  add();
  if (collection.size > MOST_WANTED) collection.delete(collection.keys().next().value);
}
