// Reports to the server which messages were delivered and seen, in lists.
import { pause } from "./timing.js";

const MOST_PENDING = 1_000;
const MOST_AT_ONCE = 100; // the longest list that the server accepts
const PACE_MS = 60; // reports within this time share a list
const MESSAGE_MS = 10; // the server's limit is 100 receipts a second

/**
 * A report that fails because of the connection or the server is kept; `retry` sends it after the
 * next reconnection. A report that the server refuses permanently is dropped.
 */
export class ReceiptSender {
  #ask;
  #pending = new Map(); // events by message id, oldest first
  #seen = new Set(); // ids of messages whose `message:seen` was sent
  #running = false;

  /** @param ask async: like `Connection.ask` */
  constructor(ask) {
    this.#ask = ask;
  }

  /** @param event `message:delivered` or `message:seen`; a seen message is also delivered */
  report(messageId, event) {
    if (this.#seen.has(messageId) || this.#pending.get(messageId) === "message:seen") return;
    remember(this.#pending, () => this.#pending.set(messageId, event));
    this.retry();
  }

  async retry() {
    if (this.#running) return;
    this.#running = true;
    try {
      await null; // until the caller has reported everything
      while (this.#pending.size > 0) await this.#send(...this.#nextList());
    } catch {
      // The reports are kept: there is no connection, or a retry would not help now.
    } finally {
      this.#running = false;
    }
  }

  /** Returns the event of the oldest report, and the messages with that event, up to the limit. */
  #nextList() {
    const [[, event]] = this.#pending;
    const reports = [...this.#pending].filter(([, pending]) => pending === event);
    return [event, reports.slice(0, MOST_AT_ONCE).map(([messageId]) => messageId)];
  }

  /** Sends a list. Messages that the answer refuses are not reported again. */
  async #send(event, messageIds) {
    try {
      await this.#ask(event, { messageIds });
    } catch (error) {
      if (error.temporary) throw error;
    }
    for (const messageId of messageIds) {
      if (event === "message:seen") remember(this.#seen, () => this.#seen.add(messageId));
      if (this.#pending.get(messageId) === event) this.#pending.delete(messageId);
    }
    await pause(Math.max(PACE_MS, MESSAGE_MS * messageIds.length));
  }
}

/** Adds an entry, and removes the oldest entry above the limit: the server repeats its message. */
function remember(collection, add) {
  add();
  if (collection.size > MOST_PENDING) collection.delete(collection.keys().next().value);
}
