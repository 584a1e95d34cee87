// When the server's limits are worth a word. One wait is short, 50 ms with the server's defaults:
// what a person notices is their sum.

const SPAN_MS = 1_000;
const WORTH_SAYING_MS = 100;
const QUIET_MS = 6_000;

/** Adds up the waits of the last second. */
export class Waits {
  #recent = [];
  #quietUntil = 0;

  /** Whether it is time to say so: once, then not again for a while. */
  add(ms) {
    const now = Date.now();
    this.#recent = this.#recent.filter(({ at }) => now - at < SPAN_MS);
    this.#recent.push({ at: now, ms });
    const sum = this.#recent.reduce((total, wait) => total + wait.ms, 0);
    if (sum < WORTH_SAYING_MS || now < this.#quietUntil) return false;
    this.#quietUntil = now + QUIET_MS;
    return true;
  }
}
