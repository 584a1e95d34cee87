// Waiting, and how long before the next try.

const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 15_000;

/** Resolves after so many milliseconds. */
export function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/**
 * Milliseconds until the try after so many failures: twice as long each time, up to 15 s.
 * Half of it is random, so that the clients of a server that comes back do not all come at once.
 */
export function backoff(failures) {
  const delay = Math.min(FIRST_DELAY_MS * 2 ** failures, LONGEST_DELAY_MS);
  return delay * (0.5 + Math.random() / 2);
}

/** What the promise gives, or an error when that takes longer. */
export async function within(ms, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`nothing within ${ms / 1_000} s`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
