// Unsent messages: shown at once, sent one after another, and retried after temporary errors.

export const MOST_ENTRIES = 200;

const MOST_TRIES = 4;

/**
 * A message is `SENDING` until the server has stored it; then it is removed. A message is `FAILED`
 * if the server refuses it or does not answer several attempts, and stays until the user retries,
 * edits or discards it. `SENDING` messages are sent in order, and do not wait for failed ones.
 * A message that is sent several times is stored once, because its `clientMessageId` changes only
 * with its content.
 */
export class Outbox {
  /** Entries like `Message`s, oldest first; `id` is the `clientMessageId`, `error` the failure. */
  entries;
  /** Resolves when the running request is answered; null if there is none. */
  sending = null;

  #userId;
  #send;
  #nextTry;
  #onChange;
  #onFailure;
  #running = false;

  /**
   * @param userId      the id of the author
   * @param entries     the `entries` of this user's outbox before a reload
   * @param send        async: sends an entry; throws an error with `temporary`, and with `unsent` if
   *                    the request was not sent
   * @param nextTry     async: waits before the next attempt, given the number of attempts so far
   * @param onChange    called with a channel's id when its entries have changed
   * @param onFailure   called with an entry that has become FAILED
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

  /** Sends a FAILED message again; the entry gets a new id if the content is new. */
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
        this.#remove(entry); // an earlier attempt was stored, and the message was deleted
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
