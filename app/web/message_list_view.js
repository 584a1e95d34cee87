// The messages of the channel one looks at.
import { avatar, byId, element, hidden, icon, iconButton } from "./dom.js";
import { EditView } from "./edit_view.js";

const NEAR_THE_END_PX = 120;
const TOGETHER_MS = 5 * 60_000;

const STATUS_TEXTS = {
  SENDING: "On its way",
  SENT: "Sent",
  DELIVERED: "Delivered",
  READ: "Read",
  FAILED: "Failed",
};

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const calendar = new Intl.DateTimeFormat("en", { weekday: "long", day: "numeric", month: "long" });

/** One tab stop: the arrow keys move between messages, Tab goes on to what can be done with one. */
export class MessageListView {
  #list = byId("messages");
  #scroller = byId("scroller");
  #me;
  #actions;
  #items = new Map();
  #current = null;
  #edits = new Map(); // by channel: at most one is open in each, and waits there
  #follows = true;

  /**
   * @param me       the user's id
   * @param actions  `{edit(message, content), delete(message), retry(message), discard(message)}`,
   *                 where `edit` is async and throws; and `moved()`: `isAtEnd` has changed
   */
  constructor(me, actions) {
    this.#me = me;
    this.#actions = actions;
    this.#scroller.addEventListener("scroll", () => this.#setFollows(this.#isNearTheEnd()));
    new ResizeObserver(() => this.#follow()).observe(this.#scroller); // a phone's keyboard, too
    this.#list.addEventListener("keydown", (event) => this.#moved(event));
    this.#list.addEventListener("focusin", ({ target }) => this.#select(target.closest("li")));
  }

  /** Another channel. */
  clear() {
    this.#list.replaceChildren();
    this.#items.clear();
    this.#current = null;
    this.#follows = true;
  }

  show(messages) {
    const last = messages.at(-1);
    const isOwnNew = last?.deliveryStatus === "SENDING" && !this.#items.has(last.id);
    this.#remove(messages);
    let previous = null;
    for (const message of messages) {
      this.#place(message, previous);
      previous = message;
    }
    if (this.#current === null && this.#list.lastElementChild !== null) {
      this.#select(this.#list.lastElementChild);
    }
    if (isOwnNew) this.#setFollows(true);
    this.#follow();
  }

  get isAtEnd() {
    return this.#follows;
  }

  goToEnd() {
    this.#setFollows(true);
    this.#follow();
  }

  focus(messageId) {
    this.#items.get(messageId)?.li.focus();
  }

  /** The user's last message that can be edited. */
  editLast() {
    const own = [...this.#items.values()].filter(({ canEdit }) => canEdit);
    const open = own.find(({ message }) => this.#editOf(message) !== undefined);
    if (own.length > 0) this.#edit(open ?? own.at(-1));
  }

  #isNearTheEnd() {
    const { scrollHeight, scrollTop, clientHeight } = this.#scroller;
    return scrollHeight - scrollTop - clientHeight < NEAR_THE_END_PX;
  }

  #setFollows(follows) {
    if (this.#follows === follows) return;
    this.#follows = follows;
    this.#actions.moved();
  }

  /** Stay at the end, unless the user went up to read. */
  #follow() {
    if (this.#follows) this.#scroller.scrollTop = this.#scroller.scrollHeight;
  }

  #remove(messages) {
    const present = new Set(messages.map(({ id }) => id));
    for (const [id, { li }] of this.#items) {
      if (present.has(id)) continue;
      if (this.#current === li) this.#current = null;
      li.remove();
      this.#items.delete(id);
    }
  }

  #place(message, previous) {
    const item = this.#items.get(message.id) ?? this.#newItem(message.id);
    const before = previous === null ? null : this.#items.get(previous.id).li;
    const expected = before === null ? this.#list.firstElementChild : before.nextElementSibling;
    if (expected !== item.li) {
      if (before === null) this.#list.prepend(item.li);
      else before.after(item.li);
    }
    const version = JSON.stringify([message, previous?.userId, previous?.createdAt]);
    if (item.version === version) return;
    item.version = version;
    item.message = message;
    // Moving an open form would disturb who writes in it: what changed is drawn when it closes.
    const edit = this.#editOf(message);
    if (edit === undefined || !item.li.contains(edit.form)) this.#fill(item, previous);
  }

  #newItem(id) {
    const item = { li: element("li", { tabindex: "-1" }), version: "" };
    this.#items.set(id, item);
    return item;
  }

  #fill(item, previous) {
    const { li, message } = item;
    const focused = li.contains(document.activeElement) ? document.activeElement : null;
    const isOwn = message.userId === this.#me;
    const isNewDay = previous === null || dayOf(previous) !== dayOf(message);
    const isTogether =
      !isNewDay &&
      previous.userId === message.userId &&
      new Date(message.createdAt) - new Date(previous.createdAt) < TOGETHER_MS;
    item.canEdit = isOwn && !message.deleted && message.seq !== undefined;
    li.className = ["message", isOwn && "own", isTogether && "together", message.deleted && "deleted"]
      .filter(Boolean)
      .join(" ");
    li.dataset.status = message.deliveryStatus;
    const name = isOwn ? "You" : message.user.name;
    li.replaceChildren(
      ...(isNewDay ? [element("p", { class: "day" }, dayOf(message))] : []),
      ...(isOwn ? [] : [avatar(message.userId, message.user.name)]),
      element(
        "div",
        { class: "body" },
        element("p", { class: "author" }, name),
        this.#bubble(message, isOwn),
        ...(message.deliveryStatus === "FAILED" ? [this.#failure(message)] : []),
      ),
      ...(item.canEdit ? [(item.buttons ??= this.#buttons(item))] : []),
    );
    if (focused === null) return;
    li.focus(); // which shows its buttons
    if (li.contains(focused)) focused.focus();
  }

  #bubble(message, isOwn) {
    const edit = this.#editOf(message);
    if (edit !== undefined) return element("div", { class: "bubble" }, edit.form);
    const content = message.deleted ? "This message was deleted." : message.content;
    const isEdited = !message.deleted && message.updatedAt > message.createdAt;
    return element(
      "div",
      { class: "bubble" },
      element("p", { class: "content", dir: "auto" }, content),
      element(
        "p",
        { class: "meta" },
        ...(isEdited ? [element("span", { class: "edited" }, "edited ")] : []),
        element("time", { datetime: message.createdAt }, clock.format(new Date(message.createdAt))),
        ...(isOwn && !message.deleted ? [ticks(message)] : []),
      ),
    );
  }

  #failure(message) {
    return element(
      "p",
      { class: "failure" },
      `Not sent. ${message.error} What you write next here waits for it. `,
      element("button", { type: "button", onclick: () => this.#actions.retry(message) }, "Retry"),
      element(
        "button",
        { type: "button", onclick: () => this.#actions.discard(message) },
        "Discard",
      ),
    );
  }

  #buttons(item) {
    return element(
      "div",
      { class: "buttons" },
      iconButton("edit", "Edit", () => this.#edit(item)),
      iconButton("delete", "Delete", () => this.#actions.delete(item.message)),
    );
  }

  #edit(item) {
    const { message } = item;
    const open = this.#edits.get(message.channelId);
    if (open?.isSaving || open?.message.id === message.id) return open.focus();
    if (open !== undefined) this.#close(open);
    const edit = new EditView(message, {
      save: (content) => this.#actions.edit(message, content),
      done: () => this.#close(edit),
    });
    this.#edits.set(message.channelId, edit);
    this.#fill(item, this.#before(item.li));
    edit.focus();
  }

  #close(edit) {
    const { id, channelId } = edit.message;
    this.#edits.delete(channelId);
    const item = this.#items.get(id); // none when another channel is shown
    if (item !== undefined) this.#fill(item, this.#before(item.li));
  }

  #editOf({ id, channelId }) {
    const edit = this.#edits.get(channelId);
    return edit?.message.id === id ? edit : undefined;
  }

  #before(li) {
    const items = [...this.#items.values()];
    return items.find((item) => item.li === li.previousElementSibling)?.message ?? null;
  }

  #select(li) {
    if (li === null) return;
    this.#current?.setAttribute("tabindex", "-1");
    this.#current = li;
    li.setAttribute("tabindex", "0");
  }

  #moved(event) {
    if (!event.target.matches("li")) return;
    const goal = {
      ArrowUp: event.target.previousElementSibling,
      ArrowDown: event.target.nextElementSibling,
      Home: this.#list.firstElementChild,
      End: this.#list.lastElementChild,
    }[event.key];
    if (!goal) return;
    event.preventDefault();
    goal.focus();
  }
}

function ticks({ deliveryStatus, receipts }) {
  let text = STATUS_TEXTS[deliveryStatus];
  if (receipts?.recipients > 1 && deliveryStatus !== "READ") {
    const { recipients, delivered, read } = receipts;
    text += ` (reached ${delivered} of ${recipients}, read by ${read})`;
  }
  return element("span", { class: "ticks", title: text }, icon(deliveryStatus), hidden(text));
}

function dayOf({ createdAt }) {
  const day = new Date(createdAt).toDateString();
  if (day === new Date().toDateString()) return "Today";
  return calendar.format(new Date(createdAt));
}
