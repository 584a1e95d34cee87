import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import { Waits } from "../../../app/web/waits.js";

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["Date"], now: 1_000_000 });
});

/** What `add` says to as many waits of 50 ms, one after the other. */
function said(waits, count, pauseMs) {
  return Array.from({ length: count }, () => {
    mock.timers.tick(pauseMs);
    return waits.add(50);
  });
}

test("short waits are worth a word when they add up within a second", () => {
  assert.deepEqual(said(new Waits(), 4, 50), [false, true, false, false]);
});

test("short waits are not worth a word when they are rare", () => {
  assert.deepEqual(said(new Waits(), 4, 1_000), [false, false, false, false]);
});

test("it is said again when the waits go on for long", () => {
  const waits = new Waits();

  const count = said(waits, 200, 50).filter(Boolean).length;

  assert.equal(count, 2);
});

test("one long wait is said at once", () => {
  assert.equal(new Waits().add(800), true);
});
