// A field for the text of a message, and a counter of its characters.
import { announce } from "./dom.js";
import { isBlank, lengthOf } from "./message_text.js";

const NEAR = 0.8; // the share of the limit from which a narrow screen shows the counter

const numbers = new Intl.NumberFormat("en");

export class MessageFieldView {
  #field;
  #counter;
  #maxChars;

  /**
   * @param field     a textarea; it accepts long texts, so that a paste can be shortened
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

  /** The text in the field. */
  get text() {
    return this.#field.value;
  }

  set text(text) {
    this.#field.value = text;
    this.#count();
  }

  /** The text without surrounding white space, as it is sent. */
  get content() {
    return this.text.trim();
  }

  /** The reason why the server would refuse the text, or an empty string. */
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
