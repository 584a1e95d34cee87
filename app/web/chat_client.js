// The chat as a page uses it, and the example of a frontend for this server. What to look for:
//
// - fresh tokens in time, coming back, authentication errors: connection.js
// - optimistic sends, retries, FAILED: outbox.js
// - ticks, edits and deletions in order: channel_log.js
// - reading what is stored, page by page: history.js
// - delivered and seen, tried again at the next reconnection: marks.js
// - typing, sent at the first key and then sparingly: typing.js
// - what was missed, and all of them put together: here
import { ChannelLog, MOST_MESSAGES } from "./channel_log.js";
import { Connection } from "./connection.js";
import { pagesOf, startOfLast } from "./history.js";
import { Marks } from "./marks.js";
import { Outbox } from "./outbox.js";
import { backoff, pause } from "./timing.js";
import { OthersTyping, OwnTyping } from "./typing.js";

const MOST_SEEN_AT_ONCE = 50;
const RECOUNT_MS = 2_000;

/**
 * One signed-in user. Emits `phase`, `token` and `throttled` as `Connection` does, and
 * `messages` and `typing` (their detail: `{channelId}`), `arrived` (`{message}`, somebody else's,
 * once), `missed` (an `OfflineCount`, at every return), `unsent` (all entries of the outbox, when
 * they have changed), `failed` (one of them) and `trouble` (`{error}`, of something done in the
 * background).
 */
export class ChatClient extends EventTarget {
  #userId;
  #channels;
  #attended = null;
  #reading = null; // the channel attended, while its end is in sight
  #connection;
  #ask = (...event) => this.#connection.ask(...event);
  #marks = new Marks(this.#ask);
  #ownTyping = new OwnTyping(this.#ask);
  #recounted = new Set(); // message ids
  #othersTyping = new OthersTyping((channelId) => this.#tell("typing", { channelId }));
  #outbox;

  /**
   * @param io          of socket.io-client
   * @param url         the server's
   * @param getToken    async: a session token made now
   * @param userId      whose token that is
   * @param channelIds  the user's channels
   * @param unsent      what `unsent` had last, before a reload
   */
  constructor({ io, url, getToken, userId, channelIds, unsent = [] }) {
    super();
    this.#userId = userId;
    this.#channels = new Map(
      channelIds.map((id) => [id, { log: new ChannelLog(), isLoaded: false, unread: 0 }]),
    );
    this.#connection = new Connection({ io, url, getToken });
    for (const type of ["phase", "token", "throttled"]) {
      this.#connection.addEventListener(type, ({ detail }) => this.#tell(type, detail));
    }
    this.#connection.addEventListener("online", ({ detail }) => this.#online(detail));
    this.#connection.addEventListener("message", ({ detail }) => this.#heard(detail));
    this.#outbox = new Outbox({
      userId,
      entries: unsent.filter(({ channelId }) => this.#channels.has(channelId)),
      send: (message) => this.#send(message),
      nextTry: (tries) => this.#nextTry(tries),
      onChange: (channelId) => {
        this.#tell("unsent", this.#outbox.entries);
        this.#tell("messages", { channelId });
      },
      onFailure: (entry) => this.#tell("failed", entry),
    });
  }

  get phase() {
    return this.#connection.phase;
  }

  /** Why it is not online. */
  get detail() {
    return this.#connection.detail;
  }

  /** `{expiresAt, lifeMs}`, or null. */
  get token() {
    return this.#connection.token;
  }

  open() {
    this.#connection.open();
  }

  /** As if there were no network. Messages still on their way wait for the next `open`. */
  close() {
    this.#ownTyping.stop();
    this.#connection.close();
    this.#othersTyping.clear();
  }

  /** Oldest first: `Message`s, with `deleted` and `receipts`; then what is on its way. */
  messages(channelId) {
    const { log } = this.#channels.get(channelId);
    const stored = log.messages.map((message) => ({
      ...message,
      receipts: log.receipts(message.id),
    }));
    const entries = this.#outbox.entries.filter((entry) => entry.channelId === channelId);
    return [...stored, ...entries];
  }

  isCut(channelId) {
    return this.#channels.get(channelId).log.isCut;
  }

  unread(channelId) {
    return this.#channels.get(channelId).unread;
  }

  /** User ids. */
  typing(channelId) {
    return this.#othersTyping.in(channelId);
  }

  /** The channel that the user looks at, or null: what arrives at its end in sight is seen. */
  attend(channelId, isEndInSight = true) {
    if (channelId !== this.#attended) this.#ownTyping.stop();
    this.#attended = channelId;
    this.#reading = isEndInSight ? channelId : null;
    if (channelId === null) return;
    if (isEndInSight) this.#see(channelId);
    if (!this.#channels.get(channelId).isLoaded) this.#inBackground(this.#load(channelId));
  }

  keystroke(channelId) {
    this.#ownTyping.keystroke(channelId);
  }

  stopTyping() {
    this.#ownTyping.stop();
  }

  /** Show it at once; `messages` says what becomes of it. Returns false if too many are unsent. */
  send(channelId, content) {
    if (this.#outbox.isFull) return false;
    this.#ownTyping.sent();
    this.#outbox.add(channelId, content);
    return true;
  }

  /** Send a FAILED message again, perhaps with other content. */
  retry(id, content) {
    this.#outbox.retry(id, content);
  }

  discard(id) {
    this.#outbox.discard(id);
  }

  /** Throws `Refused` or `ConnectionLost`, as `delete` does. */
  async edit(messageId, content) {
    this.#updated(await this.#ask("updateMessage", { messageId, content }));
  }

  async delete(messageId) {
    await this.#ask("deleteMessage", { messageId });
  }

  #online({ offlineCount }) {
    this.#inBackground(this.#marks.retry());
    this.#ownTyping.sent(); // the server forgot it with the connection
    this.#othersTyping.clear();
    this.#tell("missed", offlineCount);
    this.#inBackground(this.#catchUp());
  }

  /** What was missed, in order; then what happened to the messages that are here already. */
  async #catchUp() {
    for await (const messages of pagesOf(this.#ask, {})) {
      for (const message of messages) this.#received(message);
    }
    for (const [channelId, { isLoaded }] of this.#channels) {
      if (isLoaded || channelId === this.#attended) await this.#load(channelId);
    }
  }

  /**
   * The last messages of a channel, those that are here included: edits and deletions may have been
   * missed.
   */
  async #load(channelId) {
    if (this.phase !== "online") return; // `#catchUp` will
    const channel = this.#channels.get(channelId);
    const lastSeq = channel.log.messages.at(-1)?.seq ?? 0;
    const afterSeq = channel.isLoaded
      ? (channel.log.messages[0]?.seq ?? 1) - 1
      : await startOfLast(this.#ask, channelId, MOST_MESSAGES);
    const messages = [];
    for await (const page of pagesOf(this.#ask, { channelId, afterSeq })) messages.push(...page);
    if (!channel.isLoaded && afterSeq > 0) channel.log.cut(afterSeq);
    channel.log.reconcile(messages, lastSeq);
    channel.isLoaded = true;
    this.#tell("messages", { channelId });
    if (channelId === this.#reading) this.#see(channelId);
    const typing = await this.#ask("typing:get", { channelId });
    typing.forEach((indicator) => this.#heardTyping(indicator));
  }

  #heard({ name, payload }) {
    switch (name) {
      case "message.created":
        this.#created(payload);
        break;
      case "message.updated":
        this.#updated(payload);
        break;
      case "message.deleted":
        this.#channels.get(payload.channelId)?.log.delete(payload.messageId);
        this.#tell("messages", payload);
        break;
      case "message:delivered":
      case "message:seen":
        this.#inBackground(this.#receipt(payload));
        break;
      case "typing":
        this.#heardTyping(payload);
        break;
    }
  }

  /** One's own comes before its ack: only that says which of the messages on their way it is. */
  async #created(message) {
    if (message.userId === this.#userId) await this.#outbox.sending;
    this.#received(message);
  }

  #received(message) {
    const channel = this.#channels.get(message.channelId);
    if (channel === undefined) return; // joined since
    const isNew = channel.log.add(message);
    const isSeen = message.channelId === this.#reading;
    if (message.userId !== this.#userId) {
      this.#marks.want(message.id, isSeen ? "message:seen" : "message:delivered");
      if (isNew && !isSeen) channel.unread += 1;
      if (isNew) this.#tell("arrived", { message });
    }
    this.#tell("messages", message);
  }

  #updated(message) {
    this.#channels.get(message.channelId)?.log.update(message);
    this.#tell("messages", message);
  }

  /** The first receipt of a message asks for those of all its recipients. */
  async #receipt(status) {
    const { messageId } = status;
    for (const [channelId, { log }] of this.#channels) {
      if (log.find(messageId) === undefined) continue;
      if (log.isCounted(messageId)) await this.#recount(log, messageId);
      else if (log.receipts(messageId) === null) await this.#askReceipts(log, messageId);
      else log.receive({ messageId, statuses: [status] });
      this.#tell("messages", { channelId });
    }
  }

  async #askReceipts(log, messageId) {
    const answer = await this.#connection.askFully("message:getStatus", { messageId });
    log.receive({ messageId, statuses: answer.data, counts: answer.counts });
  }

  /** Thousands of receipts may come at once: ask for their number now and then. */
  async #recount(log, messageId) {
    if (this.#recounted.has(messageId)) return;
    this.#recounted.add(messageId);
    await pause(RECOUNT_MS);
    this.#recounted.delete(messageId);
    await this.#askReceipts(log, messageId);
  }

  #heardTyping(indicator) {
    if (indicator.userId !== this.#userId) this.#othersTyping.heard(indicator);
  }

  #see(channelId) {
    const channel = this.#channels.get(channelId);
    channel.unread = 0;
    this.#tell("messages", { channelId });
    const last = channel.log.messages.slice(-MOST_SEEN_AT_ONCE);
    for (const { id, userId, deliveryStatus, deleted } of last) {
      const isRead = userId === this.#userId || deliveryStatus === "READ" || deleted;
      if (!isRead) this.#marks.want(id, "message:seen");
    }
  }

  async #send({ id, channelId, content }) {
    const message = await this.#ask("sendMessage", { channelId, content, clientMessageId: id });
    this.#channels.get(channelId).log.add(message);
  }

  /** Without a connection: when there is one, however long that takes. */
  #nextTry(tries) {
    if (this.phase === "online") return pause(backoff(tries));
    return new Promise((resolve) => {
      this.#connection.addEventListener("online", resolve, { once: true });
    });
  }

  /** A lost connection is told by `phase`, and made good at the next `online`. */
  #inBackground(work) {
    work.catch((error) => this.phase === "online" && this.#tell("trouble", { error }));
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
