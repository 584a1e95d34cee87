// The chat of one user, without a view: an example of a frontend for this server. It combines
//
// - connection.js: token refresh, reconnection, authentication errors
// - outbox.js: optimistic sends, retries, FAILED messages
// - channel_log.js: messages, edits, deletions and delivery statuses
// - history.js: reading stored messages page by page
// - receipt_sender.js: delivered and seen reports
// - typing.js: typing indicators
import { ChannelLog, MOST_MESSAGES } from "./channel_log.js";
import { Connection } from "./connection.js";
import { pagesOf, startOfLast } from "./history.js";
import { ReceiptSender } from "./receipt_sender.js";
import { Outbox } from "./outbox.js";
import { backoff, pause } from "./timing.js";
import { OthersTyping, OwnTyping } from "./typing.js";

const MOST_SEEN_AT_ONCE = 50;
const RECOUNT_MS = 2_000;

/**
 * One signed-in user. It dispatches these events, with their details:
 *
 * - `phase`, `token`, `throttled`: the events of `Connection`
 * - `messages`, `typing`: `{channelId}`, when these have changed
 * - `arrived`: `{message}`, once for each new message of another user
 * - `missed`: an `OfflineCount`, after each connection
 * - `unsent`: all entries of the outbox, when they have changed
 * - `failed`: an entry of the outbox that has failed
 * - `trouble`: `{error}`, when a background request has failed
 */
export class ChatClient extends EventTarget {
  #userId;
  #channels;
  #shown = null; // the id of the channel that the user looks at
  #reading = null; // the same id while the end of the channel is visible, otherwise null
  #connection;
  #ask = (...event) => this.#connection.ask(...event);
  #receipts = new ReceiptSender(this.#ask);
  #ownTyping = new OwnTyping(this.#ask);
  #recounting = new Set(); // message ids
  #othersTyping = new OthersTyping((channelId) => this.#dispatch("typing", { channelId }));
  #outbox;

  /**
   * @param io          the function of socket.io-client
   * @param url         the server's address
   * @param getToken    async: returns a new session token
   * @param userId      the user of the token
   * @param channelIds  the user's channels
   * @param unsent      the detail of the last `unsent` event before a reload
   */
  constructor({ io, url, getToken, userId, channelIds, unsent = [] }) {
    super();
    this.#userId = userId;
    this.#channels = new Map(
      channelIds.map((id) => [id, { log: new ChannelLog(), isLoaded: false, unread: 0 }]),
    );
    this.#connection = new Connection({ io, url, getToken });
    for (const type of ["phase", "token", "throttled"]) {
      this.#connection.addEventListener(type, ({ detail }) => this.#dispatch(type, detail));
    }
    this.#connection.addEventListener("online", ({ detail }) => this.#online(detail));
    this.#connection.addEventListener("message", ({ detail }) => this.#received(detail));
    this.#outbox = new Outbox({
      userId,
      entries: unsent.filter(({ channelId }) => this.#channels.has(channelId)),
      send: (message) => this.#send(message),
      nextTry: (tries) => this.#nextTry(tries),
      onChange: (channelId) => {
        this.#dispatch("unsent", this.#outbox.entries);
        this.#dispatch("messages", { channelId });
      },
      onFailure: (entry) => this.#dispatch("failed", entry),
    });
  }

  get phase() {
    return this.#connection.phase;
  }

  /** The reason why the phase is not `online`. */
  get detail() {
    return this.#connection.detail;
  }

  /** The lifetime of the token, `{expiresAt, lifeMs}`, or null. */
  get token() {
    return this.#connection.token;
  }

  open() {
    this.#connection.open();
  }

  /** Goes offline. Unsent messages wait for the next `open`. */
  close() {
    this.#ownTyping.stop();
    this.#connection.close();
    this.#othersTyping.clear();
  }

  /** Returns `Message`s, oldest first, with `deleted` and `receipts`; then unsent messages. */
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

  /** Returns the ids of the other users who are typing. */
  typing(channelId) {
    return this.#othersTyping.in(channelId);
  }

  /** Sets the channel that the user looks at. While its end is visible, new messages are seen. */
  attend(channelId, isEndVisible = true) {
    if (channelId !== this.#shown) this.#ownTyping.stop();
    this.#shown = channelId;
    this.#reading = isEndVisible ? channelId : null;
    if (channelId === null) return;
    if (isEndVisible) this.#see(channelId);
    if (!this.#channels.get(channelId).isLoaded) this.#inBackground(this.#load(channelId));
  }

  keystroke(channelId) {
    this.#ownTyping.keystroke(channelId);
  }

  stopTyping() {
    this.#ownTyping.stop();
  }

  /** Shows a message at once, and sends it. Returns false if too many are unsent. */
  send(channelId, content) {
    if (this.#outbox.isFull) return false;
    this.#ownTyping.sent();
    this.#outbox.add(channelId, content);
    return true;
  }

  /** Sends a FAILED message again, perhaps with other content. */
  retry(id, content) {
    this.#outbox.retry(id, content);
  }

  discard(id) {
    this.#outbox.discard(id);
  }

  /** Edits a message. Throws `Refused` or `ConnectionLost`, as `delete` does. */
  async edit(messageId, content) {
    this.#updated(await this.#ask("updateMessage", { messageId, content }));
  }

  async delete(messageId) {
    await this.#ask("deleteMessage", { messageId });
  }

  #online({ offlineCount }) {
    this.#inBackground(this.#receipts.retry());
    this.#ownTyping.sent(); // the server ends typing when a connection ends
    this.#othersTyping.clear();
    this.#dispatch("missed", offlineCount);
    this.#inBackground(this.#catchUp());
  }

  /** Reads the undelivered messages in order, and then the loaded channels again. */
  async #catchUp() {
    for await (const messages of pagesOf(this.#ask, {})) {
      for (const message of messages) this.#add(message);
    }
    for (const [channelId, { isLoaded }] of this.#channels) {
      if (isLoaded || channelId === this.#shown) await this.#load(channelId);
    }
  }

  /** Reads the last messages of a channel again, because known messages may have been edited. */
  async #load(channelId) {
    if (this.phase !== "online") return; // `#catchUp` reads the channel when the phase is `online`
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
    this.#dispatch("messages", { channelId });
    if (channelId === this.#reading) this.#see(channelId);
    const typing = await this.#ask("typing:get", { channelId });
    typing.forEach((indicator) => this.#typingChanged(indicator));
  }

  #received({ name, payload }) {
    switch (name) {
      case "message.created":
        this.#created(payload);
        break;
      case "message.updated":
        this.#updated(payload);
        break;
      case "message.deleted":
        this.#channels.get(payload.channelId)?.log.delete(payload.messageId);
        this.#dispatch("messages", payload);
        break;
      case "sync:required":
        this.#inBackground(this.#readSkipped(payload));
        break;
      case "message:delivered":
      case "message:seen":
        this.#inBackground(this.#receipt(payload));
        break;
      case "typing":
        this.#typingChanged(payload);
        break;
    }
  }

  /** Reads the messages that the server could not send. */
  async #readSkipped({ channelId, afterSeq }) {
    for await (const messages of pagesOf(this.#ask, { channelId, afterSeq })) {
      for (const message of messages) this.#add(message);
    }
  }

  /** A message of this user arrives before its ack, and only the ack identifies the outbox entry. */
  async #created(message) {
    if (message.userId === this.#userId) await this.#outbox.sending;
    this.#add(message);
  }

  #add(message) {
    const channel = this.#channels.get(message.channelId);
    if (channel === undefined) return; // the user joined the channel after the page was loaded
    const isNew = channel.log.add(message);
    const isSeen = message.channelId === this.#reading;
    if (message.userId !== this.#userId) {
      this.#receipts.report(message.id, isSeen ? "message:seen" : "message:delivered");
      if (isNew && !isSeen) channel.unread += 1;
      if (isNew) this.#dispatch("arrived", { message });
    }
    this.#dispatch("messages", message);
  }

  #updated(message) {
    this.#channels.get(message.channelId)?.log.update(message);
    this.#dispatch("messages", message);
  }

  /** At the first receipt of a message, requests the statuses of all its recipients. */
  async #receipt(status) {
    const { messageId } = status;
    for (const [channelId, { log }] of this.#channels) {
      if (log.find(messageId) === undefined) continue;
      if (log.isCounted(messageId)) await this.#recount(log, messageId);
      else if (log.receipts(messageId) === null) await this.#askReceipts(log, messageId);
      else log.receive({ messageId, statuses: [status] });
      this.#dispatch("messages", { channelId });
    }
  }

  async #askReceipts(log, messageId) {
    const answer = await this.#connection.askFully("message:getStatus", { messageId });
    log.receive({ messageId, statuses: answer.data, counts: answer.counts });
  }

  /** Requests a message's counts at most every two seconds, because many receipts may arrive. */
  async #recount(log, messageId) {
    if (this.#recounting.has(messageId)) return;
    this.#recounting.add(messageId);
    await pause(RECOUNT_MS);
    this.#recounting.delete(messageId);
    await this.#askReceipts(log, messageId);
  }

  #typingChanged(indicator) {
    if (indicator.userId !== this.#userId) this.#othersTyping.update(indicator);
  }

  #see(channelId) {
    const channel = this.#channels.get(channelId);
    channel.unread = 0;
    this.#dispatch("messages", { channelId });
    const last = channel.log.messages.slice(-MOST_SEEN_AT_ONCE);
    for (const { id, userId, deliveryStatus, deleted } of last) {
      const isRead = userId === this.#userId || deliveryStatus === "READ" || deleted;
      if (!isRead) this.#receipts.report(id, "message:seen");
    }
  }

  async #send({ id, channelId, content }) {
    const message = await this.#ask("sendMessage", { channelId, content, clientMessageId: id });
    this.#channels.get(channelId).log.add(message);
  }

  /** Waits before the next attempt to send: a pause while online, otherwise until `online`. */
  #nextTry(tries) {
    if (this.phase === "online") return pause(backoff(tries));
    return new Promise((resolve) => {
      this.#connection.addEventListener("online", resolve, { once: true });
    });
  }

  /** Errors while offline are ignored: `phase` shows them, and `#online` repeats the requests. */
  #inBackground(promise) {
    promise.catch((error) => this.phase === "online" && this.#dispatch("trouble", { error }));
  }

  #dispatch(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
