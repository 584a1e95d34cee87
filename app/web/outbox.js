// Messages on their way: shown at once, sent one after the other, tried again when it may help.
import { backoff, pause } from "./timing.js";

const MOST_TRIES = 4;
const WAIT_FOR_CONNECTION_MS = 15_000;

/**
 * A message is `SENDING` until the server has stored it, when it leaves, or `FAILED`, when it stays
 * until somebody retries or discards it. However often it is sent, it is stored once: its
 * `clientMessageId` stays the same.
 */
export class Outbox {
  /** `{clientMessageId, channelId, content, createdAt, status, error}`, oldest first. */
  entries = [];
  /** Resolves when what is being sent has been answered; null while nothing is. */
  sending = null;

  #send;
  #whenOnline;
  #onChange;
  #running = false;

  /**
   * @param send        async: has an entry stored, or throws an error with `temporary`
   * @param whenOnline  async: returns when there is a connection, or after that many milliseconds
   * @param onChange    called with a channel's id when its entries have changed
   */
  constructor({ send, whenOnline, onChange }) {
    this.#send = send;
    this.#whenOnline = whenOnline;
    this.#onChange = onChange;
  }

  add(channelId, content) {
    const clientMessageId = crypto.randomUUID();
    const createdAt = new Date().toISOString();
    this.entries.push({ clientMessageId, channelId, content, createdAt, ...FRESH });
    this.#onChange(channelId);
    this.#run();
  }

  retry(clientMessageId) {
    const entry = this.#find(clientMessageId);
    Object.assign(entry, FRESH);
    this.#onChange(entry.channelId);
    this.#run();
  }

  discard(clientMessageId) {
    this.#remove(this.#find(clientMessageId));
  }

  async #run() {
    if (this.#running) return;
    this.#running = true;
    for (let entry; (entry = this.entries.find(({ status }) => status === "SENDING")); ) {
      this.sending = this.#try(entry);
      await this.sending;
      this.sending = null;
      if (entry.tries > 0 && entry.status === "SENDING" && this.entries.includes(entry)) {
        await pause(backoff(entry.tries));
        await this.#whenOnline(WAIT_FOR_CONNECTION_MS);
      }
    }
    this.#running = false;
  }

  async #try(entry) {
    try {
      await this.#send(entry);
      this.#remove(entry);
    } catch (error) {
      entry.tries += 1;
      if (error.code === "message_deleted") {
        this.#remove(entry); // an earlier try was stored, and deleted since
      } else if (!error.temporary || entry.tries === MOST_TRIES) {
        Object.assign(entry, { status: "FAILED", error: error.message });
        this.#onChange(entry.channelId);
      }
    }
  }

  #find(wanted) {
    return this.entries.find(({ clientMessageId }) => clientMessageId === wanted);
  }

  #remove(entry) {
    this.entries = this.entries.filter((other) => other !== entry);
    this.#onChange(entry.channelId);
  }
}

const FRESH = { status: "SENDING", error: "", tries: 0 };
