// Node's mocked timers move the clock; what waits for a promise needs the event loop to turn, too.

/** Let everything run that waits for nothing but promises. */
export async function settled() {
  for (let turn = 0; turn < 20; turn += 1) await new Promise(setImmediate);
}

/** Move the clock, stopping every 50 ms for what happens then. */
export async function pass(timers, ms) {
  for (let passed = 0; passed < ms; passed += 50) {
    timers.tick(Math.min(50, ms - passed));
    await settled();
  }
}
