// A field for the text of a message, and a counter that says how much of the limit is used.
import { announce } from "./dom.js";
import { isBlank, lengthOf } from "./message_text.js";

const NEAR = 0.8; // of the limit; on a narrow screen the counter is not shown before

const numbers = new Intl.NumberFormat("en");

export class MessageFieldView {
  #field;
  #counter;
  #maxChars;

  /**
   * @param field     a textarea; too long a text is not cut off, so that a paste can be shortened
   * @param counter   the element with the number of characters
   * @param maxChars  the server's limit
   */
  constructor(field, counter, maxChars) {
    this.#field = field;
    this.#counter = counter;
    this.#maxChars = maxChars;
    field.addEventListener("input", () => this.#count());
    this.#count();
  }

  /** As it is written. */
  get text() {
    return this.#field.value;
  }

  set text(text) {
    this.#field.value = text;
    this.#count();
  }

  /** As it is sent. */
  get content() {
    return this.text.trim();
  }

  /** Why the server would refuse it; an empty string if it would not. */
  get fault() {
    if (isBlank(this.text)) return "A message cannot be empty.";
    const excess = lengthOf(this.text) - this.#maxChars;
    if (excess <= 0) return "";
    return `The message is ${numbers.format(excess)} character${excess > 1 ? "s" : ""} too long.`;
  }

  get isBlank() {
    return isBlank(this.text);
  }

  focus() {
    this.#field.focus();
  }

  #count() {
    const length = lengthOf(this.text);
    const isOver = length > this.#maxChars;
    const wasOver = this.#counter.dataset.use === "over";
    const use = isOver ? "over" : length >= NEAR * this.#maxChars ? "near" : "low";
    this.#counter.dataset.use = use;
    this.#counter.hidden = length === 0;
    const [used, limit] = [length, this.#maxChars].map((number) => numbers.format(number));
    this.#counter.textContent = isOver
      ? `${used} of ${limit} characters: ${numbers.format(length - this.#maxChars)} too many`
      : `${used} of ${limit} characters`;
    this.#field.setAttribute("aria-invalid", String(isOver));
    if (isOver && !wasOver) announce(this.fault); // once, not at every key
  }
}
