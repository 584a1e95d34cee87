// Messages on their way: shown at once, sent one after the other, tried again when it may help.

const MOST_TRIES = 4;

/**
 * A message is `SENDING` until the server has stored it, when it leaves, or `FAILED`, when it stays
 * until somebody retries or discards it. Until then the later ones of its channel wait: none
 * overtakes another. However often a message is sent, it is stored once: its `clientMessageId`
 * stays the same.
 */
export class Outbox {
  /** Like the server's `Message`s, oldest first; `id` is the `clientMessageId`, `error` says why. */
  entries = [];
  /** Resolves when what is being sent has been answered; null while nothing is. */
  sending = null;

  #userId;
  #send;
  #nextTry;
  #onChange;
  #onFailure;
  #running = false;

  /**
   * @param userId      the author's
   * @param send        async: has an entry stored, or throws an error with `temporary`; with `unsent`
   *                    where nothing was tried
   * @param nextTry     async: after so many tries, returns when another one is worth it
   * @param onChange    called with a channel's id when its entries have changed
   * @param onFailure   called with an entry that is FAILED now
   */
  constructor({ userId, send, nextTry, onChange, onFailure }) {
    this.#userId = userId;
    this.#send = send;
    this.#nextTry = nextTry;
    this.#onChange = onChange;
    this.#onFailure = onFailure;
  }

  add(channelId, content) {
    const id = crypto.randomUUID();
    const now = new Date().toISOString();
    const entry = { id, channelId, content, userId: this.#userId, createdAt: now, updatedAt: now };
    this.entries.push({ ...entry, ...FRESH });
    this.#onChange(channelId);
    this.#run();
  }

  retry(id) {
    const entry = this.#find(id);
    Object.assign(entry, FRESH);
    this.#onChange(entry.channelId);
    this.#run();
  }

  discard(id) {
    this.#remove(this.#find(id));
    this.#run(); // those that waited for it
  }

  async #run() {
    if (this.#running) return;
    this.#running = true;
    for (let entry; (entry = this.#next()); ) {
      this.sending = this.#try(entry);
      await this.sending;
      this.sending = null;
      if (isSending(entry) && this.entries.includes(entry)) {
        await this.#nextTry(entry.tries);
      }
    }
    this.#running = false;
  }

  /** The oldest that waits for no FAILED one of its channel. */
  #next() {
    const failed = new Set();
    for (const entry of this.entries) {
      if (!isSending(entry)) failed.add(entry.channelId);
      else if (!failed.has(entry.channelId)) return entry;
    }
    return undefined;
  }

  async #try(entry) {
    try {
      await this.#send(entry);
      this.#remove(entry);
    } catch (error) {
      if (!error.unsent) entry.tries += 1;
      if (error.code === "message_deleted") {
        this.#remove(entry); // an earlier try was stored, and deleted since
      } else if (!error.temporary || entry.tries === MOST_TRIES) {
        Object.assign(entry, { deliveryStatus: "FAILED", error: error.message });
        this.#onChange(entry.channelId);
        this.#onFailure(entry);
      }
    }
  }

  #find(wanted) {
    return this.entries.find(({ id }) => id === wanted);
  }

  #remove(entry) {
    this.entries = this.entries.filter((other) => other !== entry);
    this.#onChange(entry.channelId);
  }
}

const FRESH = { deliveryStatus: "SENDING", error: "", tries: 0 };

const isSending = ({ deliveryStatus }) => deliveryStatus === "SENDING";
