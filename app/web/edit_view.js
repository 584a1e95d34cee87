// The form in which a message is edited. It stays, with what was typed, until the server has it.
import { element } from "./dom.js";

export class EditView {
  message;
  form;
  isSaving = false;

  #field = element("textarea", { rows: "1", "aria-label": "Edit the message" });
  #failure = element("p", { class: "failure", role: "alert" });
  #save;
  #done;

  /**
   * @param message  the message as it is
   * @param actions  `{save(content), done()}`; `save` is async and throws why the edit failed
   */
  constructor(message, { save, done }) {
    this.message = message;
    this.#save = save;
    this.#done = done;
    this.#field.value = message.content;
    this.#field.addEventListener("keydown", (event) => this.#pressed(event));
    const cancel = { type: "button", class: "secondary", onclick: () => this.#cancel() };
    this.form = element(
      "form",
      { class: "edit" },
      this.#field,
      this.#failure,
      element("button", cancel, "Cancel"),
      element("button", { type: "submit", class: "primary" }, "Save"),
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
    event.stopPropagation(); // the arrow keys are the field's here
    if (event.key === "Escape") this.#cancel();
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    this.form.requestSubmit();
  }

  /** Not while it is being saved: a failure would have nowhere to be told. */
  #cancel() {
    if (!this.isSaving) this.#done();
  }

  async #submit() {
    if (this.isSaving) return;
    const content = this.#field.value.trim();
    if (content === "" || content === this.message.content) return this.#done();
    this.#saving(true);
    this.#failure.textContent = "";
    try {
      await this.#save(content);
      this.#done();
    } catch (error) {
      this.#failure.textContent = `Not saved. ${error.message}`;
    } finally {
      this.#saving(false);
    }
  }

  /** The buttons are not disabled: they would lose the focus. */
  #saving(isSaving) {
    this.isSaving = this.#field.readOnly = isSaving;
    this.form.setAttribute("aria-busy", String(isSaving));
  }
}
