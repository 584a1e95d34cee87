// The view of one user's chat: channels, messages and notices.
import { announce, avatar, byId, element, hidden, listOf, oncePerFrame } from "./dom.js";
import { ComposerView } from "./composer_view.js";
import { ConnectionView } from "./connection_view.js";
import { MessageListView } from "./message_list_view.js";
import { isUnsent } from "./message_view.js";
import { SidebarView } from "./sidebar_view.js";
import { ThrottleNotice } from "./throttle_notice.js";

const NOTICE_MS = 6_000;
const MOST_READ_OUT = 3; // if more messages arrive at once, only their number is announced

export class ChatView {
  #client;
  #me;
  #users;
  #memory;
  #channelId = null;
  #arrivals = []; // announcements of new messages, at most `MOST_READ_OUT`
  #arrivalCount = 0;
  #noticeTimer = null;
  #sidebar = new SidebarView();
  #throttleNotice = new ThrottleNotice();
  #messages;
  #composer;
  /** Draws once per frame, however many messages arrive. */
  #drawSoon = oncePerFrame(() => this.#draw());

  /**
   * @param client    a `ChatClient`
   * @param me        the user: `{id, name, channels}`
   * @param users     all users
   * @param maxChars  the maximum length of a message
   * @param memory    a `TabMemory`
   */
  constructor({ client, me, users, maxChars, memory }) {
    this.#client = client;
    this.#me = me;
    this.#memory = memory;
    this.#users = new Map(users.map((user) => [user.id, user]));
    this.#messages = new MessageListView(me.id, maxChars, {
      edit: (message, content) => this.#edit(message, content),
      delete: (message) => this.#confirmDelete(message),
      retry: ({ id }) => client.retry(id),
      discard: ({ id }) => client.discard(id),
      moved: () => this.#attend(),
      left: () => this.#composer.focus(),
    });
    this.#composer = new ComposerView(maxChars, memory, {
      send: (content) => this.#send(content),
      keystroke: () => client.keystroke(this.#channelId),
      stopTyping: () => client.stopTyping(),
      editLast: () => this.#messages.editLast(),
    });
    new ConnectionView(client);
    byId("me-avatar").replaceChildren(avatar(me.id, me.name));
    byId("me-name").textContent = me.name;
    client.addEventListener("messages", () => this.#drawSoon());
    client.addEventListener("unsent", ({ detail }) => this.#keep(detail));
    client.addEventListener("typing", ({ detail }) => this.#typing(detail.channelId));
    client.addEventListener("arrived", ({ detail }) => this.#arrived(detail.message));
    client.addEventListener("failed", ({ detail }) => this.#failed(detail));
    client.addEventListener("missed", ({ detail }) => this.#missed(detail));
    client.addEventListener("throttled", ({ detail }) => this.#throttled(detail.retryAfterMs));
    client.addEventListener("trouble", ({ detail }) => this.#notice(detail.error.message));
    document.addEventListener("visibilitychange", () => this.#attend());
    byId("to-end").onclick = () => {
      this.#messages.goToEnd();
      this.#composer.focus(); // the focused button is hidden now
    };
    byId("chat").hidden = false;
    const { channelId } = memory;
    this.#open(me.channels.includes(channelId) ? channelId : me.channels[0]);
  }

  #open(channelId) {
    this.#channelId = this.#memory.channelId = channelId;
    this.#messages.clear();
    this.#composer.open(channelId);
    byId("channel-name").textContent = `# ${channelId}`;
    byId("members").textContent = listOf(
      [...this.#users.values()]
        .filter(({ channels }) => channels.includes(channelId))
        .map(({ id, name }) => (id === this.#me.id ? "you" : name)),
    );
    document.title = `#${channelId} – ${this.#me.name} – ChatGenius`;
    this.#attend();
    this.#draw();
    this.#typing(channelId);
    this.#sidebar.close();
    this.#composer.focus();
  }

  #attend() {
    const channelId = document.hidden ? null : this.#channelId;
    this.#client.attend(channelId, this.#messages.isAtEnd);
  }

  #draw() {
    const channelId = this.#channelId;
    this.#messages.show(this.#client.messages(channelId));
    this.#below(this.#client.unread(channelId));
    byId("beginning").textContent = this.#client.isCut(channelId)
      ? "Older messages are not shown here."
      : `This is where #${channelId} begins.`;
    this.#channels();
    this.#readOut();
  }

  #send(content) {
    const isTaken = this.#client.send(this.#channelId, content);
    if (isTaken) this.#messages.goToEnd();
    else this.#notice("Too many messages wait to be sent; try again when some have been sent.");
    return isTaken;
  }

  async #edit(message, content) {
    if (isUnsent(message)) this.#client.retry(message.id, content);
    else await this.#client.edit(message.id, content);
  }

  #keep(unsent) {
    if (this.#memory.keepUnsent(unsent) || unsent.length === 0) return;
    this.#notice("Keep this page open: the browser cannot keep your unsent messages.");
  }

  #below(unread) {
    byId("to-end").hidden = unread === 0;
    byId("to-end").textContent = unread === 1 ? "1 new message" : `${unread} new messages`;
  }

  #channels() {
    const unread = this.#me.channels.map((id) => [id, this.#client.unread(id)]);
    const version = JSON.stringify([this.#channelId, unread]);
    if (byId("channels").dataset.version === version) return;
    const hadFocus = byId("channels").contains(document.activeElement);
    byId("channels").dataset.version = version;
    byId("channels").replaceChildren(...unread.map((each) => this.#channel(...each)));
    if (hadFocus) byId("channels").querySelector("[aria-current]").focus();
    byId("elsewhere").hidden = unread.every(([, count]) => count === 0);
  }

  #channel(id, unread) {
    const button = element("button", { type: "button", onclick: () => this.#open(id) }, `# ${id}`);
    if (id === this.#channelId) button.setAttribute("aria-current", "page");
    if (unread > 0) {
      button.append(element("span", { class: "badge" }, String(unread), hidden(" unread")));
    }
    return element("li", null, button);
  }

  #typing(channelId) {
    if (channelId !== this.#channelId) return;
    const names = this.#client.typing(channelId).map((id) => this.#nameOf(id));
    const verb = names.length === 1 ? "is" : "are";
    byId("typing").textContent = names.length === 0 ? "" : `${listOf(names)} ${verb} typing …`;
  }

  #arrived({ channelId, content, user }) {
    const place = channelId === this.#channelId ? "" : ` in ${channelId}`;
    this.#arrivalCount += 1;
    if (this.#arrivalCount <= MOST_READ_OUT) this.#arrivals.push(`${user.name}${place}: ${content}`);
    this.#drawSoon();
  }

  #readOut() {
    if (this.#arrivalCount > MOST_READ_OUT) announce(`${this.#arrivalCount} new messages.`);
    else this.#arrivals.forEach((sentence) => announce(sentence));
    this.#arrivals = [];
    this.#arrivalCount = 0;
  }

  #failed({ channelId, content, error }) {
    const place = channelId === this.#channelId ? "" : ` in ${channelId}`;
    announce(`Not sent${place}: ${content}. ${error}`);
  }

  #missed({ count, channels, more }) {
    if (count === 0) return;
    const places = Object.entries(channels).map(([id, missed]) => `${missed} in #${id}`);
    const atLeast = more ? "At least " : "";
    const messages = count === 1 ? "One message" : `${atLeast}${count} messages`;
    this.#notice(`${messages} came while you were away: ${listOf(places)}.`);
  }

  #throttled(retryAfterMs) {
    if (!this.#throttleNotice.add(retryAfterMs)) return;
    this.#notice("That was fast. The server limits the rate; the rest will be sent, nothing is lost.");
  }

  #confirmDelete(message) {
    const dialog = byId("confirm-delete");
    byId("confirm-content").textContent = message.content;
    dialog.returnValue = "keep";
    dialog.onclose = () => {
      this.#messages.focus(message.id); // the focused button is hidden now
      if (dialog.returnValue !== "delete") return;
      this.#delete(message);
    };
    dialog.showModal();
  }

  async #delete({ id }) {
    try {
      await this.#client.delete(id);
    } catch (error) {
      this.#notice(`Deleting failed. ${error.message}`);
    }
  }

  #notice(sentence) {
    const notice = byId("notice");
    notice.textContent = sentence;
    notice.hidden = false;
    announce(sentence);
    clearTimeout(this.#noticeTimer);
    this.#noticeTimer = setTimeout(() => (notice.hidden = true), NOTICE_MS);
  }

  #nameOf(userId) {
    return this.#users.get(userId)?.name ?? userId;
  }
}
