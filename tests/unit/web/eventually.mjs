// Node's mocked timers advance the clock, but promises also need turns of the event loop.

/** Runs all code that waits only for promises. */
export async function flushPromises() {
  for (let turn = 0; turn < 20; turn += 1) await new Promise(setImmediate);
}

/** Advances the clock in steps of 50 ms, and flushes promises after each step. */
export async function pass(timers, ms) {
  for (let passed = 0; passed < ms; passed += 50) {
    timers.tick(Math.min(50, ms - passed));
    await flushPromises();
  }
}
