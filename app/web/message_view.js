// One message of the list, with its time, ticks and buttons.
import { avatar, element, hidden, icon, iconButton } from "./dom.js";

const TOGETHER_MS = 5 * 60_000;

const STATUS_TEXTS = {
  SENDING: "Sending",
  SENT: "Sent",
  DELIVERED: "Delivered",
  READ: "Read",
  FAILED: "Failed",
};

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const calendar = new Intl.DateTimeFormat("en", { weekday: "long", day: "numeric", month: "long" });

/** Whether the message is in the outbox; messages of the server have a `seq`. */
export const isUnsent = (message) => message.seq === undefined;

export class MessageView {
  li = element("li", { tabindex: "-1" });
  message;
  canEdit = false;

  #me;
  #actions;
  #previous = null;
  #version = "";
  #buttons = null;

  /**
   * @param me       the user's id
   * @param actions  `{edit(view), delete(message), retry(message), discard(message)}`
   */
  constructor(me, actions) {
    this.#me = me;
    this.#actions = actions;
  }

  /**
   * Draws the message if it has changed.
   *
   * @param previous  the message above it, or null
   * @param edit      the open `EditView` of this message, if there is one
   */
  update(message, previous, edit) {
    const { updatedAt, deliveryStatus, deleted, receipts, error } = message;
    const ticks = [deliveryStatus, receipts?.recipients, receipts?.delivered, receipts?.read];
    const above = [previous?.userId, previous?.createdAt];
    const version = JSON.stringify([updatedAt, deleted, error, ticks, above]);
    if (this.#version === version) return;
    this.#version = version;
    this.message = message;
    this.#previous = previous;
    // An open form must not be drawn again while the user writes in it.
    if (edit === undefined || !this.li.contains(edit.form)) this.draw(edit);
  }

  draw(edit) {
    const { li, message } = this;
    const previous = this.#previous;
    const focused = li.contains(document.activeElement) ? document.activeElement : null;
    const isOwn = message.userId === this.#me;
    const isFailed = isUnsent(message) && message.deliveryStatus === "FAILED";
    const isNewDay = previous === null || dayOf(previous) !== dayOf(message);
    const isTogether =
      !isNewDay &&
      previous.userId === message.userId &&
      new Date(message.createdAt) - new Date(previous.createdAt) < TOGETHER_MS;
    const isStored = !isUnsent(message) && !message.deleted;
    this.canEdit = isFailed || (isOwn && isStored);
    li.className = ["message", isOwn && "own", isTogether && "together", message.deleted && "deleted"]
      .filter(Boolean)
      .join(" ");
    li.dataset.status = message.deliveryStatus;
    const name = isOwn ? "You" : message.user.name;
    const buttons = isOwn && isStored ? (this.#buttons ??= this.#newButtons()) : null;
    // Leave the buttons where they are: a click needs its button from the press to the release.
    for (const child of [...li.children]) if (child !== buttons) child.remove();
    li.prepend(
      ...(isNewDay ? [element("p", { class: "day" }, dayOf(message))] : []),
      ...(isOwn ? [] : [avatar(message.userId, message.user.name)]),
      element(
        "div",
        { class: "body" },
        element("p", { class: "author" }, name),
        edit === undefined ? this.#bubble(isOwn) : element("div", { class: "bubble" }, edit.form),
        ...(isFailed && edit === undefined ? [this.#failure()] : []),
      ),
    );
    if (buttons !== null && !li.contains(buttons)) li.append(buttons);
    if (focused === null) return;
    li.focus(); // this shows its buttons
    if (li.contains(focused)) focused.focus();
  }

  #bubble(isOwn) {
    const { content, createdAt, updatedAt, deleted } = this.message;
    const isEdited = !deleted && updatedAt > createdAt;
    return element(
      "div",
      { class: "bubble" },
      element("p", { class: "content", dir: "auto" }, deleted ? DELETED : content),
      element(
        "p",
        { class: "meta" },
        ...(isEdited ? [element("span", { class: "edited" }, "edited ")] : []),
        element("time", { datetime: createdAt }, clock.format(new Date(createdAt))),
        ...(isOwn && !deleted ? [ticks(this.message)] : []),
      ),
    );
  }

  #failure() {
    const { message } = this;
    const actions = {
      Retry: () => this.#actions.retry(message),
      Edit: () => this.#actions.edit(this),
      Discard: () => this.#actions.discard(message),
    };
    return element(
      "p",
      { class: "failure" },
      `Not sent. ${message.error} `,
      ...Object.entries(actions).map(([label, onclick]) =>
        element("button", { type: "button", onclick }, label),
      ),
    );
  }

  #newButtons() {
    return element(
      "div",
      { class: "buttons" },
      iconButton("edit", "Edit", () => this.#actions.edit(this)),
      iconButton("delete", "Delete", () => this.#actions.delete(this.message)),
    );
  }
}

const DELETED = "This message was deleted.";

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
