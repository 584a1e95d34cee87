import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import { Marks } from "../../../app/web/marks.js";
import { pass } from "./eventually.mjs";

const LOST = Object.assign(new Error("Not connected."), { temporary: true });
const NOT_A_RECIPIENT = Object.assign(new Error("No."), { code: "not_a_recipient" });

/** Marks whose requests end as scripted, then well; `asked` has the requests. */
function marks(...outcomes) {
  const asked = [];
  const made = new Marks(async (event, { messageIds }) => {
    asked.push([event, ...messageIds]);
    const outcome = outcomes.shift();
    if (outcome !== undefined) throw outcome;
  });
  return { marks: made, asked };
}

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout"] });
});

test("marks that are wanted together are made with one request for each event", async () => {
  const { marks: made, asked } = marks();

  made.want("m-1", "message:delivered");
  made.want("m-2", "message:seen");
  made.want("m-3", "message:delivered");
  await pass(mock.timers, 500);

  assert.deepEqual(asked, [
    ["message:delivered", "m-1", "m-3"],
    ["message:seen", "m-2"],
  ]);
});

test("a list has a hundred messages at most, the oldest first", async () => {
  const { marks: made, asked } = marks();
  const ids = Array.from({ length: 250 }, (_, index) => `m-${index}`);

  for (const id of ids) made.want(id, "message:seen");
  await pass(mock.timers, 900);
  const within900Ms = asked.length;
  await pass(mock.timers, 1_200);

  assert.equal(within900Ms, 1); // the server's limit is 100 receipts a second
  assert.deepEqual(
    asked.map(([, ...messageIds]) => messageIds.length),
    [100, 100, 50],
  );
  assert.deepEqual(
    asked.flatMap(([, ...messageIds]) => messageIds),
    ids,
  );
});

test("a message that is seen while its arrival is reported is reported as seen next", async () => {
  const { marks: made, asked } = marks();

  made.want("m-1", "message:delivered");
  await Promise.resolve();
  made.want("m-1", "message:seen");
  await pass(mock.timers, 500);

  assert.deepEqual(asked, [
    ["message:delivered", "m-1"],
    ["message:seen", "m-1"],
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
  await pass(mock.timers, 500);
  made.want("m-2", "message:seen");
  await pass(mock.timers, 500);

  assert.deepEqual(
    asked.map(([, messageId]) => messageId),
    ["m-1", "m-2"],
  );
});

test("a message is marked as seen once", async () => {
  const { marks: made, asked } = marks();

  for (const event of ["message:seen", "message:delivered", "message:seen"]) {
    made.want("m-1", event);
    await pass(mock.timers, 200);
  }

  assert.deepEqual(asked, [["message:seen", "m-1"]]);
});
