// Decides when to notify the user of the server's rate limits. One wait is short, 50 ms with the
// server's defaults; only the sum of many waits is noticeable.

const SPAN_MS = 1_000;
const NOTICEABLE_MS = 100;
const QUIET_MS = 6_000;

/** Adds up the waits of the last second. */
export class ThrottleNotice {
  #recent = [];
  #quietUntil = 0;

  /** Adds a wait; returns whether to notify the user, at most once in six seconds. */
  add(ms) {
    const now = Date.now();
    this.#recent = this.#recent.filter(({ at }) => now - at < SPAN_MS);
    this.#recent.push({ at: now, ms });
    const sum = this.#recent.reduce((total, wait) => total + wait.ms, 0);
    if (sum < NOTICEABLE_MS || now < this.#quietUntil) return false;
    this.#quietUntil = now + QUIET_MS;
    return true;
  }
}
