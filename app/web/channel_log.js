// The messages of one channel as far as they are known here: in order, each once.

export const MOST_MESSAGES = 500;

const RANKS = ["SENT", "DELIVERED", "READ"];

/**
 * Whatever comes may come late, twice or in another order: a message counts once, an edit is never
 * undone by an older one, a deleted message does not return, ticks do not go back.
 */
export class ChannelLog {
  /** Oldest first: the server's `Message`s, at most `MOST_MESSAGES`; `deleted` marks a gap. */
  messages = [];
  /** Whether the server has older messages than those here. */
  isCut = false;

  #receipts = new Map();
  #counts = new Map();

  find(messageId) {
    return this.messages.find(({ id }) => id === messageId);
  }

  /** True if the message was not known. */
  add(message) {
    const known = this.find(message.id);
    if (known !== undefined) {
      this.update(message);
      return false;
    }
    const after = this.messages.findLastIndex(({ seq }) => seq < message.seq);
    this.messages.splice(after + 1, 0, { ...message, deleted: false });
    if (this.messages.length > MOST_MESSAGES) {
      const { id } = this.messages.shift();
      this.#receipts.delete(id);
      this.#counts.delete(id);
      this.isCut = true;
    }
    return true;
  }

  update({ id, content, updatedAt, deliveryStatus }) {
    const known = this.find(id);
    if (known === undefined || known.deleted) return;
    if (updatedAt > known.updatedAt) Object.assign(known, { content, updatedAt });
    known.deliveryStatus = furthest(known.deliveryStatus, deliveryStatus);
  }

  delete(messageId) {
    const known = this.find(messageId);
    if (known !== undefined) Object.assign(known, { deleted: true, content: "" });
  }

  /** Forget messages up to this one: those between it and the first that is wanted are missing. */
  cut(throughSeq) {
    this.messages = this.messages.filter(({ seq }) => seq > throughSeq);
    this.isCut = true;
  }

  /** Take over what the server has. Of those here, it was asked for all up to `throughSeq`. */
  reconcile(messages, throughSeq) {
    const present = new Set(messages.map(({ id }) => id));
    for (const known of this.messages) {
      if (known.seq <= throughSeq && !present.has(known.id)) this.delete(known.id);
    }
    for (const message of messages) this.add(message);
  }

  /**
   * Note how far recipients have come. Of a message's recipients all must be given once, first:
   * until then its ticks stay as they are. With `counts`, which the server gives of many
   * recipients, only those count.
   */
  receive({ messageId, statuses, counts }) {
    const message = this.find(messageId);
    if (message === undefined) return;
    if (counts !== undefined) {
      this.#counts.set(messageId, counts);
      const furthestBehind = RANKS.find((status) => counts[status] > 0);
      message.deliveryStatus = furthest(message.deliveryStatus, furthestBehind);
      return;
    }
    const receipts = this.#receipts.get(messageId) ?? new Map();
    this.#receipts.set(messageId, receipts);
    for (const { recipientId, status } of statuses) {
      receipts.set(recipientId, furthest(receipts.get(recipientId) ?? "SENT", status));
    }
    const ranks = [...receipts.values()].map((status) => RANKS.indexOf(status));
    message.deliveryStatus = furthest(message.deliveryStatus, RANKS[Math.min(...ranks)]);
  }

  /** Whether the server counts the message's recipients, as they are too many for one answer. */
  isCounted(messageId) {
    return this.#counts.has(messageId);
  }

  /** `{recipients, delivered, read}`, or null while nobody's receipts are known. */
  receipts(messageId) {
    if (this.isCounted(messageId)) {
      const { SENT, DELIVERED, READ } = this.#counts.get(messageId);
      return { recipients: SENT + DELIVERED + READ, delivered: DELIVERED + READ, read: READ };
    }
    const receipts = this.#receipts.get(messageId);
    if (receipts === undefined) return null;
    const statuses = [...receipts.values()];
    const read = statuses.filter((status) => status === "READ").length;
    const delivered = statuses.filter((status) => status !== "SENT").length;
    return { recipients: statuses.length, delivered, read };
  }
}

function furthest(one, other) {
  return RANKS.indexOf(other) > RANKS.indexOf(one) ? other : one;
}
