// Keeps the selected channel, drafts and unsent messages across a reload.

/** Far below the limit of browsers for one site, which is 5 million characters. */
export const MOST_CHARS = 1_000_000;

/**
 * The memory of one user in one tab. It uses `sessionStorage`, which tabs do not share: each tab
 * has its own drafts, and sends its own messages. It never contains a token.
 */
export class TabMemory {
  #storage;
  #userId;
  #drafts;

  /** @param storage  returns the `sessionStorage`, or throws if the browser blocks it */
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

  /** The entries of the outbox that `keepUnsent` has stored. */
  get unsent() {
    const entries = this.#read("unsent");
    return isList(entries) ? entries.filter(isEntry) : [];
  }

  /** Stores the entries of the outbox; returns false if that failed. */
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

  /** Removes the value if writing fails: an outdated value would send messages again. */
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
