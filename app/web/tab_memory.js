// What a reload of the page must not lose: the selected channel, drafts and unsent messages.

/** Far below what browsers allow for one site: 5 million characters. */
export const MOST_CHARS = 1_000_000;

/**
 * One user's memory in one tab. It uses `sessionStorage`, which other tabs do not share: each tab
 * has its own drafts, and sends its own messages. It never sees a token.
 */
export class TabMemory {
  #storage;
  #userId;
  #drafts;

  /** @param storage  returns the `sessionStorage`; it may throw, as browsers do that block it */
  constructor(storage, userId) {
    this.#storage = storage;
    this.#userId = userId;
    const drafts = this.#read("drafts");
    this.#drafts = new Map(isList(drafts) ? drafts.filter(isDraft) : []);
  }

  /** The id of the channel that was selected last, or null. */
  get channelId() {
    return this.#read("channel");
  }

  set channelId(channelId) {
    this.#write("channel", channelId);
  }

  draft(channelId) {
    return this.#drafts.get(channelId) ?? "";
  }

  keepDraft(channelId, text) {
    if (text === "") this.#drafts.delete(channelId);
    else this.#drafts.set(channelId, text);
    this.#write("drafts", [...this.#drafts]);
  }

  /** The entries of the outbox, as they were given to `keepUnsent`. */
  get unsent() {
    const entries = this.#read("unsent");
    return isList(entries) ? entries.filter(isEntry) : [];
  }

  /** Returns false if they could not be kept: a reload would lose them. */
  keepUnsent(entries) {
    return this.#write("unsent", entries);
  }

  #key(name) {
    return `chatgenius ${name} of ${this.#userId}`;
  }

  #read(name) {
    try {
      return JSON.parse(this.#storage().getItem(this.#key(name)));
    } catch {
      return null; // blocked, or not written by this page
    }
  }

  /** On failure nothing is left: an outdated value would bring back messages already sent. */
  #write(name, value) {
    const json = JSON.stringify(value);
    try {
      this.#storage().removeItem(this.#key(name));
      if (json.length > MOST_CHARS) return false;
      this.#storage().setItem(this.#key(name), json);
      return true;
    } catch {
      return false;
    }
  }
}

const isList = Array.isArray;

const isText = (value) => typeof value === "string";

const isDraft = (pair) => isList(pair) && pair.length === 2 && pair.every(isText);

const isEntry = (entry) =>
  [entry?.id, entry?.channelId, entry?.content, entry?.createdAt].every(isText) &&
  ["SENDING", "FAILED"].includes(entry.deliveryStatus);
