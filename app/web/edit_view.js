// The form that edits a message. It keeps its text until the edit is saved.
import { element } from "./dom.js";
import { MessageFieldView } from "./message_field_view.js";
import { isUnsent } from "./message_view.js";

export class EditView {
  message;
  form;
  isSaving = false;

  #textarea = element("textarea", { rows: "1", "aria-label": "Edit the message" });
  #field;
  #failure = element("p", { class: "failure", role: "alert" });
  #isUnsent;
  #save;
  #done;

  /**
   * @param message   the message, which may be unsent
   * @param maxChars  the maximum length of a message
   * @param actions   `{save(content), done()}`; `save` is async and throws if the edit failed
   */
  constructor(message, maxChars, { save, done }) {
    const counter = element("p", { class: "count" });
    this.message = message;
    this.#isUnsent = isUnsent(message);
    this.#save = save;
    this.#done = done;
    this.#field = new MessageFieldView(this.#textarea, counter, maxChars);
    this.#field.text = message.content;
    this.#textarea.addEventListener("keydown", (event) => this.#pressed(event));
    const cancel = { type: "button", class: "secondary", onclick: () => this.#cancel() };
    this.form = element(
      "form",
      { class: "edit" },
      this.#textarea,
      counter,
      this.#failure,
      element("button", cancel, "Cancel"),
      element("button", { type: "submit", class: "primary" }, this.#isUnsent ? "Send" : "Save"),
    );
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
  }

  focus() {
    this.#field.focus();
  }

  #pressed(event) {
    event.stopPropagation(); // the list must not handle the arrow keys
    if (event.key === "Escape") this.#cancel();
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    this.form.requestSubmit();
  }

  /** Does nothing while the edit is being saved, because a failure is shown in the form. */
  #cancel() {
    if (!this.isSaving) this.#done();
  }

  async #submit() {
    if (this.isSaving) return;
    const { content, fault } = this.#field;
    if (content === this.message.content && !this.#isUnsent) return this.#done();
    this.#failure.textContent = fault && `Not saved. ${fault}`;
    if (fault !== "") return;
    this.#saving(true);
    try {
      await this.#save(content);
      this.#done();
    } catch (error) {
      this.#failure.textContent = `Not saved. ${error.message}`;
    } finally {
      this.#saving(false);
    }
  }

  /** Does not disable the buttons, because they would lose the focus. */
  #saving(isSaving) {
    this.isSaving = this.#textarea.readOnly = isSaving;
    this.form.setAttribute("aria-busy", String(isSaving));
  }
}
