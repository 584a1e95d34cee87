// The known messages of one channel, in order and without duplicates.

export const MOST_MESSAGES = 500;

const RANKS = ["SENT", "DELIVERED", "READ"];

/**
 * Events may arrive late, twice or in another order. A message is kept once, an older edit never
 * replaces a newer one, a deleted message stays deleted, and a delivery status never goes back.
 */
export class ChannelLog {
  /** `Message`s, oldest first, at most `MOST_MESSAGES`; deleted messages have `deleted`. */
  messages = [];
  /** Whether the server has older messages than these. */
  isCut = false;

  #receipts = new Map();
  #counts = new Map();

  find(messageId) {
    return this.messages.find(({ id }) => id === messageId);
  }

  /** Adds a message; returns whether it is new. */
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

  /** Removes messages up to this `seq`, because some messages after this `seq` are not known. */
  cut(throughSeq) {
    this.messages = this.messages.filter(({ seq }) => seq > throughSeq);
    this.isCut = true;
  }

  /** Adds messages of the server; marks others up to `throughSeq` as deleted. */
  reconcile(messages, throughSeq) {
    const present = new Set(messages.map(({ id }) => id));
    for (const known of this.messages) {
      if (known.seq <= throughSeq && !present.has(known.id)) this.delete(known.id);
    }
    for (const message of messages) this.add(message);
  }

  /**
   * Records the delivery statuses of a message's recipients. The first call must have the statuses
   * of all recipients, or the `counts` that the server gives when there are many.
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

  /** Whether the message has so many recipients that the server only counts them. */
  isCounted(messageId) {
    return this.#counts.has(messageId);
  }

  /** Returns `{recipients, delivered, read}`, or null while no receipts are known. */
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
