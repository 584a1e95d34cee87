import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import { ReceiptSender } from "../../../app/web/receipt_sender.js";
import { pass } from "./eventually.mjs";

const LOST = Object.assign(new Error("Not connected."), { temporary: true });
const NOT_A_RECIPIENT = Object.assign(new Error("No."), { code: "not_a_recipient" });

/** Returns a sender and its requests. The first requests have these outcomes. */
function scripted(...outcomes) {
  const asked = [];
  const receipts = new ReceiptSender(async (event, { messageIds }) => {
    asked.push([event, ...messageIds]);
    const outcome = outcomes.shift();
    if (outcome !== undefined) throw outcome;
  });
  return { receipts, asked };
}

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout"] });
});

test("reports of one moment are sent with one request for each event", async () => {
  const { receipts, asked } = scripted();

  receipts.report("m-1", "message:delivered");
  receipts.report("m-2", "message:seen");
  receipts.report("m-3", "message:delivered");
  await pass(mock.timers, 500);

  assert.deepEqual(asked, [
    ["message:delivered", "m-1", "m-3"],
    ["message:seen", "m-2"],
  ]);
});

test("a list has at most a hundred messages, the oldest first", async () => {
  const { receipts, asked } = scripted();
  const ids = Array.from({ length: 250 }, (_, index) => `m-${index}`);

  for (const id of ids) receipts.report(id, "message:seen");
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

test("a message is reported as seen when it was read during its report as delivered", async () => {
  const { receipts, asked } = scripted();

  receipts.report("m-1", "message:delivered");
  await Promise.resolve();
  receipts.report("m-1", "message:seen");
  await pass(mock.timers, 500);

  assert.deepEqual(asked, [
    ["message:delivered", "m-1"],
    ["message:seen", "m-1"],
  ]);
});

test("a failed report is repeated once at the next reconnection", async () => {
  const { receipts, asked } = scripted(LOST);
  receipts.report("m-1", "message:delivered");
  await pass(mock.timers, 5_000);
  const before = asked.length;

  receipts.retry();
  await pass(mock.timers, 500);
  receipts.retry();
  await pass(mock.timers, 500);

  assert.equal(before, 1);
  assert.equal(asked.length, 2);
});

test("a report is dropped when the server refuses it permanently", async () => {
  const { receipts, asked } = scripted(NOT_A_RECIPIENT);

  receipts.report("m-1", "message:seen");
  await pass(mock.timers, 500);
  receipts.report("m-2", "message:seen");
  await pass(mock.timers, 500);

  assert.deepEqual(
    asked.map(([, messageId]) => messageId),
    ["m-1", "m-2"],
  );
});

test("a message is reported as seen once", async () => {
  const { receipts, asked } = scripted();

  for (const event of ["message:seen", "message:delivered", "message:seen"]) {
    receipts.report("m-1", event);
    await pass(mock.timers, 200);
  }

  assert.deepEqual(asked, [["message:seen", "m-1"]]);
});
