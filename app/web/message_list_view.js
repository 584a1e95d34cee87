// The list of the messages of the selected channel.
import { byId } from "./dom.js";
import { EditView } from "./edit_view.js";
import { MessageView } from "./message_view.js";

const NEAR_THE_END_PX = 120;

/** The list is one tab stop: arrow keys move between messages, Tab moves to a message's buttons. */
export class MessageListView {
  #list = byId("messages");
  #scroller = byId("scroller");
  #me;
  #maxChars;
  #actions;
  #views = new Map(); // by message id, oldest first
  #current = null;
  #edits = new Map(); // by channel: each has at most one open edit
  #follows = true;

  /**
   * @param me        the user's id
   * @param maxChars  the maximum length of a message
   * @param actions   `{edit(message, content), delete(message), retry(message), discard(message)}`,
   *                  where `edit` is async and throws; `moved()`, called when `isAtEnd` changes;
   *                  and `left()`, called when the focused element was removed
   */
  constructor(me, maxChars, actions) {
    this.#me = me;
    this.#maxChars = maxChars;
    this.#actions = actions;
    this.#scroller.addEventListener("scroll", () => this.#setFollows(this.#isNearTheEnd()));
    new ResizeObserver(() => this.#follow()).observe(this.#scroller); // also when a phone's keyboard opens
    this.#list.addEventListener("keydown", (event) => this.#moved(event));
    this.#list.addEventListener("focusin", ({ target }) => this.#select(target.closest("li")));
  }

  /** Removes all messages, to show another channel. */
  clear() {
    this.#list.replaceChildren();
    this.#views.clear();
    this.#current = null;
    this.#follows = true;
  }

  show(messages) {
    const known = this.#views;
    this.#views = new Map(messages.map(({ id }) => [id, known.get(id) ?? this.#newView()]));
    const hadFocus = this.#list.contains(document.activeElement);
    for (const [id, { li }] of known) if (!this.#views.has(id)) this.#remove(li);
    let previous = null;
    let expected = this.#list.firstElementChild;
    for (const message of messages) {
      const view = this.#views.get(message.id);
      view.update(message, previous, this.#editOf(message));
      if (expected === view.li) expected = expected.nextElementSibling;
      else this.#list.insertBefore(view.li, expected);
      previous = message;
    }
    if (this.#current === null) this.#select(this.#list.lastElementChild);
    this.#follow();
    if (hadFocus && !this.#list.contains(document.activeElement)) this.#actions.left();
  }

  get isAtEnd() {
    return this.#follows;
  }

  goToEnd() {
    this.#setFollows(true);
    this.#follow();
  }

  focus(messageId) {
    this.#views.get(messageId)?.li.focus();
  }

  /** Edits the user's last message that can be edited. */
  editLast() {
    const own = [...this.#views.values()].filter(({ canEdit }) => canEdit);
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

  /** Scrolls to the end, unless the user has scrolled up. */
  #follow() {
    if (this.#follows) this.#scroller.scrollTop = this.#scroller.scrollHeight;
  }

  #newView() {
    const { delete: remove, retry, discard } = this.#actions;
    return new MessageView(this.#me, {
      edit: (view) => this.#edit(view),
      delete: remove,
      retry,
      discard,
    });
  }

  #remove(li) {
    if (this.#current === li) this.#current = null;
    li.remove();
  }

  #edit(view) {
    const { message } = view;
    const open = this.#edits.get(message.channelId);
    if (open?.isSaving || open?.message.id === message.id) return open.focus();
    if (open !== undefined) this.#close(open);
    const edit = new EditView(message, this.#maxChars, {
      save: (content) => this.#actions.edit(message, content),
      done: () => this.#finish(edit),
    });
    this.#edits.set(message.channelId, edit);
    view.draw(edit);
    edit.focus();
  }

  /** Closes an edit; the focus moves to the composer if it was in the form. */
  #finish(edit) {
    const hadFocus = edit.form.contains(document.activeElement);
    this.#close(edit);
    if (hadFocus) this.#actions.left();
  }

  #close(edit) {
    const { id, channelId } = edit.message;
    this.#edits.delete(channelId);
    this.#views.get(id)?.draw(); // undefined while another channel is shown
  }

  #editOf({ id, channelId }) {
    const edit = this.#edits.get(channelId);
    return edit?.message.id === id ? edit : undefined;
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
