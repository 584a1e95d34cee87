// Where one writes. Each channel keeps its own draft.
import { byId } from "./dom.js";

export class ComposerView {
  #form = byId("composer");
  #draft = byId("draft");
  #drafts = new Map();
  #channelId = null;

  /** @param actions `{send(content), keystroke(), stopTyping(), editLast()}` */
  constructor({ send, keystroke, stopTyping, editLast }) {
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      const content = this.#draft.value.trim();
      if (content === "") return;
      send(content);
      this.#draft.value = "";
      this.#draft.focus();
    });
    this.#draft.addEventListener("input", () => {
      if (this.#draft.value.trim() === "") stopTyping();
      else keystroke();
    });
    this.#draft.addEventListener("keydown", (event) => {
      if (event.isComposing || event.shiftKey) return;
      if (event.key === "Enter") {
        event.preventDefault();
        this.#form.requestSubmit();
      } else if (event.key === "ArrowUp" && this.#draft.value === "") {
        event.preventDefault();
        editLast();
      }
    });
  }

  /** Another channel. */
  open(channelId) {
    this.#drafts.set(this.#channelId, this.#draft.value);
    this.#channelId = channelId;
    this.#draft.value = this.#drafts.get(channelId) ?? "";
    this.#draft.placeholder = `Message #${channelId}`;
  }

  focus() {
    this.#draft.focus();
  }
}
