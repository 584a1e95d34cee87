// Messages on their way: shown at once, sent one after the other, tried again when it may help.

export const MOST_ENTRIES = 200;

const MOST_TRIES = 4;

/**
 * A message is `SENDING` until the server has stored it; then it leaves the outbox. If the server
 * refuses it, or does not answer several tries, it is `FAILED` and stays until the user retries,
 * edits or discards it. Messages that are `SENDING` are sent in their order, and do not wait for
 * those that have failed. However often a message is sent, it is stored once: its
 * `clientMessageId` stays the same for as long as its content does.
 */
export class Outbox {
  /** Like the server's `Message`s, oldest first; `id` is the `clientMessageId`, `error` says why. */
  entries;
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
   * @param entries     the `entries` of an earlier outbox of this user, before a reload
   * @param send        async: has an entry stored, or throws an error with `temporary`; with `unsent`
   *                    where nothing was tried
   * @param nextTry     async: after so many tries, returns when another one is worth it
   * @param onChange    called with a channel's id when its entries have changed
   * @param onFailure   called with an entry that is FAILED now
   */
  constructor({ userId, entries = [], send, nextTry, onChange, onFailure }) {
    this.#userId = userId;
    this.#send = send;
    this.#nextTry = nextTry;
    this.#onChange = onChange;
    this.#onFailure = onFailure;
    this.entries = entries.map((entry) => ({ error: "", ...entry, userId, tries: 0 }));
    this.#run();
  }

  get isFull() {
    return this.entries.length >= MOST_ENTRIES;
  }

  add(channelId, content) {
    const id = crypto.randomUUID();
    const now = new Date().toISOString();
    const entry = { id, channelId, content, userId: this.#userId, createdAt: now, updatedAt: now };
    this.entries.push({ ...entry, ...FRESH });
    this.#onChange(channelId);
    this.#run();
  }

  /** Send a FAILED message again. With other content it is another message, so its id changes. */
  retry(id, content) {
    const entry = this.#find(id);
    if (entry === undefined || isSending(entry)) return;
    if (content !== undefined && content !== entry.content) {
      Object.assign(entry, { id: crypto.randomUUID(), content });
    }
    Object.assign(entry, FRESH);
    this.#onChange(entry.channelId);
    this.#run();
  }

  discard(id) {
    const entry = this.#find(id);
    if (entry !== undefined) this.#remove(entry);
  }

  async #run() {
    if (this.#running) return;
    this.#running = true;
    for (let entry; (entry = this.entries.find(isSending)); ) {
      this.sending = this.#try(entry);
      await this.sending;
      this.sending = null;
      if (isSending(entry) && this.entries.includes(entry)) {
        await this.#nextTry(entry.tries);
      }
    }
    this.#running = false;
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
