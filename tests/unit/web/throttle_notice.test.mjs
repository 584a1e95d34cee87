import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import { ThrottleNotice } from "../../../app/web/throttle_notice.js";

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["Date"], now: 1_000_000 });
});

/** Adds waits of 50 ms one after another, and returns the results. */
function added(notice, count, pauseMs) {
  return Array.from({ length: count }, () => {
    mock.timers.tick(pauseMs);
    return notice.add(50);
  });
}

test("short waits are noticeable when they add up within a second", () => {
  assert.deepEqual(added(new ThrottleNotice(), 4, 50), [false, true, false, false]);
});

test("short waits are not noticeable when they are rare", () => {
  assert.deepEqual(added(new ThrottleNotice(), 4, 1_000), [false, false, false, false]);
});

test("the notice is repeated when waits continue for long", () => {
  const notice = new ThrottleNotice();

  const count = added(notice, 200, 50).filter(Boolean).length;

  assert.equal(count, 2);
});

test("one long wait is noticeable at once", () => {
  assert.equal(new ThrottleNotice().add(800), true);
});
