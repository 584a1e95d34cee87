// The field for new messages. Each channel keeps its draft, also across a reload.
import { announce, byId } from "./dom.js";
import { MessageFieldView } from "./message_field_view.js";

export class ComposerView {
  #form = byId("composer");
  #draft = byId("draft");
  #field;
  #memory;
  #channelId = null;

  /**
   * @param maxChars  the maximum length of a message
   * @param memory    a `TabMemory`, for the drafts
   * @param actions   `{send(content), keystroke(), stopTyping(), editLast()}`; `send` returns
   *                  whether the message was taken
   */
  constructor(maxChars, memory, { send, keystroke, stopTyping, editLast }) {
    this.#memory = memory;
    this.#field = new MessageFieldView(this.#draft, byId("draft-count"), maxChars);
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit(send);
    });
    this.#draft.addEventListener("input", () => {
      memory.keepDraft(this.#channelId, this.#field.text);
      if (this.#field.isBlank) stopTyping();
      else keystroke();
    });
    this.#draft.addEventListener("keydown", (event) => {
      if (event.isComposing || event.shiftKey) return;
      if (event.key === "Enter") {
        event.preventDefault();
        this.#form.requestSubmit();
      } else if (event.key === "ArrowUp" && this.#field.text === "") {
        event.preventDefault();
        editLast();
      }
    });
  }

  /** Shows the draft of a channel. */
  open(channelId) {
    this.#channelId = channelId;
    this.#field.text = this.#memory.draft(channelId);
    this.#draft.placeholder = `Message #${channelId}`;
  }

  focus() {
    this.#field.focus();
  }

  /** Sends the text. Keeps it in the field if it is too long or `send` returns false. */
  #submit(send) {
    this.#field.focus();
    if (this.#field.isBlank) return;
    if (this.#field.fault !== "") {
      announce(`Not sent. ${this.#field.fault}`);
    } else if (send(this.#field.content)) {
      this.#field.text = "";
      this.#memory.keepDraft(this.#channelId, "");
    }
  }
}
