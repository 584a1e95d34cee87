import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import { Marks } from "../../../app/web/marks.js";
import { pass } from "./eventually.mjs";

const LOST = Object.assign(new Error("Not connected."), { temporary: true });
const NOT_A_RECIPIENT = Object.assign(new Error("No."), { code: "not_a_recipient" });

/** Marks whose requests end as scripted, then well; `asked` has the requests. */
function marks(...outcomes) {
  const asked = [];
  const made = new Marks(async (event, { messageId }) => {
    asked.push([event, messageId]);
    const outcome = outcomes.shift();
    if (outcome !== undefined) throw outcome;
  });
  return { marks: made, asked };
}

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout"] });
});

test("marks are made in order, one after the other", async () => {
  const { marks: made, asked } = marks();

  made.want("m-1", "message:delivered");
  made.want("m-2", "message:delivered");
  await pass(mock.timers, 500);

  assert.deepEqual(asked, [
    ["message:delivered", "m-1"],
    ["message:delivered", "m-2"],
  ]);
});

test("a mark that failed is made at the next reconnection", async () => {
  const { marks: made, asked } = marks(LOST);
  made.want("m-1", "message:delivered");
  await pass(mock.timers, 5_000);
  const before = asked.length;

  made.retry();
  await pass(mock.timers, 500);
  made.retry();
  await pass(mock.timers, 500);

  assert.equal(before, 1);
  assert.equal(asked.length, 2);
});

test("a mark is given up when the server refuses it for good", async () => {
  const { marks: made, asked } = marks(NOT_A_RECIPIENT);

  made.want("m-1", "message:seen");
  made.want("m-2", "message:seen");
  await pass(mock.timers, 500);
  made.retry();
  await pass(mock.timers, 500);

  assert.deepEqual(asked.map(([, messageId]) => messageId), ["m-1", "m-2"]);
});

test("a message is marked as seen once", async () => {
  const { marks: made, asked } = marks();

  for (const event of ["message:seen", "message:delivered", "message:seen"]) {
    made.want("m-1", event);
    await pass(mock.timers, 200);
  }

  assert.deepEqual(asked, [["message:seen", "m-1"]]);
});
