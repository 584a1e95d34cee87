// Pauses, timeouts, and the delay before the next attempt.

const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 15_000;

/** Resolves after this many milliseconds. */
export function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/**
 * Returns the delay in milliseconds after this many failures: it doubles each time, up to 15 s.
 * Half of it is random, so that not all clients reconnect to a restarted server at once.
 */
export function backoff(failures) {
  const delay = Math.min(FIRST_DELAY_MS * 2 ** failures, LONGEST_DELAY_MS);
  return delay * (0.5 + Math.random() / 2);
}

/** Awaits the promise, or throws an error after the timeout. */
export async function withTimeout(ms, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${ms / 1_000} s`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
